import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { finished, logsOf, rowOf, startBackground } from '../support/commands.ts';
import { idOf, openStream, startExecd, texts } from '../support/execd.ts';
import { startListening } from '../support/execd-process.ts';
import { shimTest } from '../support/launcher.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { isRoot } from '../support/test-users.ts';
import { until } from '../support/until.ts';

const ONLY_ROOT = 'only root can run a command as somebody else';

test('addendum A2.2: init comes when the process runs: its row has the pid', async () => {
  await using execd = await startExecd();
  for (let round = 0; round < 20; round += 1) {
    const stream = await openStream(execd, { command: 'exec sleep 300' });
    const row = await rowOf(execd, stream.id);
    expect(row).toMatchObject({ state: 'running' });
    const cookie = `OPENSANDBOX_EXEC_ID=${stream.id}`;
    const environment = () => readFileSync(`/proc/${row.pid}/environ`, 'latin1').split('\0');
    // A process that is just becoming a program shows no environment for a moment.
    await until(() => environment().includes(cookie));
    expect((await execd.request('DELETE', `/command?id=${stream.id}`)).status).toBe(200);
    await stream.rest();
  }
});

test('addendum A2.2: a background command has its pid when it is announced', async () => {
  await using execd = await startExecd();
  const id = idOf(await execd.run({ command: 'exec sleep 300', background: true }));
  const { pid = 0 } = await rowOf(execd, id);
  expect(process.kill(pid, 0)).toBe(true);
  await execd.request('DELETE', `/command?id=${id}`);
});

test('addendum A2.2: a command can be interrupted as soon as its id is known', async () => {
  await using execd = await startExecd();
  const streams = await Promise.all(
    Array.from({ length: 20 }, () => openStream(execd, { command: 'sleep 300' })),
  );
  const answers = await Promise.all(
    streams.map(async ({ id }) => (await execd.request('DELETE', `/command?id=${id}`)).status),
  );
  expect(new Set(answers)).toEqual(new Set([200]));
  for (const stream of streams)
    expect((await stream.rest()).at(-1)).toMatchObject({ error: { evalue: '-1' } });
});

for (const [name, fields, skipped] of [
  ['', {}, false],
  [', by a user who owns nothing', { uid: 65_534 }, !isRoot],
] as const) {
  shimTest(`stdout and stderr can be opened by name${name}`, async ({ skip }) => {
    skip(skipped, ONLY_ROOT);
    await using execd = await startExecd();
    const command = [
      'echo one > /dev/stdout',
      'echo two >> /dev/stdout',
      'echo three > /proc/self/fd/1',
      'echo four | tee /dev/stderr',
      'echo five > /dev/stderr',
      'cat /dev/stdin',
    ].join(' && ');
    const events = await execd.run({ command, ...fields });
    expect(texts(events, 'stderr')).toEqual(['four', 'five']);
    expect(texts(events)).toEqual(['one', 'two', 'three', 'four']);
    expect(events.at(-1)?.type).toBe('execution_complete');
  });

  shimTest(
    `the joined output of a background command can be opened by both names${name}`,
    async ({ skip }) => {
      skip(skipped, ONLY_ROOT);
      await using execd = await startExecd();
      const command = 'echo one > /dev/stdout; echo two > /dev/stderr; echo three >> /dev/stdout';
      const id = await startBackground(execd, { command, ...fields });
      expect(await finished(execd, id)).toMatchObject({ exit_code: 0 });
      expect(await logsOf(execd, id)).toBe('one\ntwo\nthree\n');
    },
  );

  shimTest(`stdin can be opened by name${name}`, async ({ skip }) => {
    skip(skipped, ONLY_ROOT);
    await using execd = await startExecd();
    const id = await startBackground(execd, { command: 'cat /dev/stdin', stdin: true, ...fields });
    await execd.request('POST', `/command/${id}/stdin?close=true`, 'by name\n');
    expect(await finished(execd, id)).toMatchObject({ exit_code: 0 });
    expect(await logsOf(execd, id)).toBe('by name\n');
  });
}

shimTest('a command has three descriptors and no more, whatever execd has open', async () => {
  await using directory = await temporaryDirectory();
  const inherit = ['/bin/sh', '-c', `exec 7</dev/null 9>${directory.path}/file; exec "$@"`, 'sh'];
  await using execd = await startListening([], process.env, undefined, inherit);
  // The fourth is that of the listing itself.
  const list = { argv: ['ls', '/proc/self/fd'] };
  expect(texts(await execd.run(list))).toEqual(['0', '1', '2', '3']);
  const others = Array.from({ length: 5 }, () => openStream(execd, { command: 'sleep 300', stdin: true }));
  const streams = await Promise.all(others);
  expect(texts(await execd.run(list))).toEqual(['0', '1', '2', '3']);
  const id = await startBackground(execd, { ...list, stdin: true });
  await finished(execd, id);
  expect(await logsOf(execd, id)).toBe('0\n1\n2\n3\n');
  for (const stream of streams) {
    await execd.request('DELETE', `/command?id=${stream.id}`);
    await stream.rest();
  }
});

test('a command begins with every signal at its default and none blocked, whatever execd ignores', async () => {
  // As under nohup(1) and in a shell's background.
  const ignoring = ['/bin/sh', '-c', 'trap "" HUP INT QUIT PIPE USR1; exec "$@"', 'sh'];
  await using execd = await startListening([], process.env, undefined, ignoring);
  const argv = ['cat', '/proc/self/status'];
  for (const body of [{ argv }, { argv, stdin: true }]) {
    const status = texts(await execd.run(body)).join('\n');
    for (const name of ['SigBlk', 'SigIgn']) expect(status).toMatch(new RegExp(`^${name}:\\s+0+$`, 'm'));
  }
});
