import { expect, test } from 'vitest';
import { expectNotSupported } from '../support/capabilities.ts';
import {
  endingOf,
  finished,
  logsOf,
  logsWhen,
  refusal,
  rowsOf,
  startBackground,
  statusOf,
} from '../support/commands.ts';
import { WAYS_FOUND, escapees } from '../support/escapees.ts';
import { idOf, startExecd, texts } from '../support/execd.ts';
import { childProcessTest, shimTest } from '../support/launcher.ts';
import { isAlive, kill, processesThatName } from '../support/processes.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { until } from '../support/until.ts';
import { isRoot, ownUser } from '../support/test-users.ts';

test.each([[{}], [{ detached: 'keep' }], [{ detached: null }]])(
  'with %j what a foreground command leaves behind lives on',
  async (fields) => {
    await using left = await escapees();
    await using execd = await startExecd();
    expect(await endingOf(execd, { command: left.script, ...fields })).toMatchObject({ exit_code: 0 });
    const pids = await left.pids();
    // Time enough for who should have been killed to be gone.
    expect(texts(await execd.run({ command: 'sleep 0.3; echo later' }))).toEqual(['later']);
    expect(pids.filter(isAlive)).toEqual(pids);
  },
);

test('what was left behind outlives execd', async () => {
  await using left = await escapees();
  {
    await using execd = await startExecd();
    await execd.run({ command: left.script });
  }
  const pids = await left.pids();
  expect(pids.filter(isAlive)).toEqual(pids);
});

for (const [ending, expected] of [
  ['exit 0', { exit_code: 0 }],
  ['exit 3', { exit_code: 3 }],
  ['kill -TERM $$', { exit_code: -1, signal: 'SIGTERM' }],
] as const) {
  shimTest(`detached kill: behind \`${ending}\` nothing is left, and the status counts it`, async () => {
    await using left = await escapees();
    await using execd = await startExecd();
    const command = `echo first\n${left.script}\necho last; ${ending}`;
    const events = await execd.run({ command, detached: 'kill' });
    expect((await left.pids()).filter(isAlive)).toEqual([]);
    expect(texts(events)).toEqual(['first', 'last']);
    const status = await statusOf(execd, idOf(events));
    expect(status).toMatchObject({ ...expected, timed_out: false, swept: WAYS_FOUND.length });
    // Who was swept away does not make the command a killed one.
    expect(status).not.toHaveProperty('killed_by');
  });
}

shimTest('detached kill: in the background too', async () => {
  await using left = await escapees();
  await using execd = await startExecd();
  const id = await startBackground(execd, { command: `${left.script}\necho last`, DETACHED: 'kill' });
  expect(await finished(execd, id)).toMatchObject({ exit_code: 0, swept: WAYS_FOUND.length });
  expect((await left.pids()).filter(isAlive)).toEqual([]);
  expect(await logsOf(execd, id)).toBe('last\n');
});

shimTest('detached kill: nobody was left behind, nobody was killed', async () => {
  await using execd = await startExecd();
  const status = await endingOf(execd, { command: 'sleep 0.1 & wait; exit 4', detached: 'kill' });
  expect([status.exit_code, status.swept ?? 0]).toEqual([4, 0]);
});

shimTest('detached kill: what other commands run or left behind is theirs', async () => {
  await using kept = await escapees();
  await using running = await escapees();
  await using left = await escapees();
  await using execd = await startExecd();
  await execd.run({ command: kept.script });
  const id = await startBackground(execd, { command: `${running.script}\necho up; sleep 300` });
  await logsWhen(execd, id, /up/);
  await execd.run({ command: left.script, detached: 'kill' });
  expect((await left.pids()).filter(isAlive)).toEqual([]);
  const others = [...(await kept.pids()), ...(await running.pids())];
  expect(others.filter(isAlive)).toEqual(others);
  expect(await statusOf(execd, id)).toMatchObject({ running: true });
  await execd.request('DELETE', `/command?id=${id}`);
});

shimTest('detached kill: who became another user is killed as well', async ({ skip }) => {
  skip(!isRoot, 'only root can run a command as somebody else');
  await using left = await escapees();
  await using execd = await startExecd();
  const status = await endingOf(execd, { command: left.script, uid: ownUser(), detached: 'kill' });
  expect(status).toMatchObject({ exit_code: 0, swept: WAYS_FOUND.length });
  expect((await left.pids()).filter(isAlive)).toEqual([]);
});

shimTest('detached kill: who forks all the time is caught in the end', async () => {
  await using directory = await temporaryDirectory();
  const name = `${directory.path}/relay`;
  // Each runs for a moment and starts the next one, away from everybody.
  const relay = `echo x >> '${name}'; sleep 0.02; (env -i setsid sh "$0" >/dev/null 2>&1 &)`;
  const write = `cat > '${name}.sh' <<'END'\n${relay}\nEND`;
  await using execd = await startExecd();
  const command = `${write}\n(env -i setsid sh '${name}.sh' >/dev/null 2>&1 &)\nuntil [ -s '${name}' ]; do sleep 0.01; done`;
  const status = await endingOf(execd, { command, detached: 'kill' });
  try {
    expect(status.swept).toBeGreaterThan(0);
    expect(processesThatName(name)).toEqual([]);
  } finally {
    await until(() => {
      const runners = processesThatName(name);
      for (const pid of runners) kill(pid);
      return runners.length === 0;
    });
  }
});

for (const detached of ['maybe', '', 5, true, ['kill']]) {
  shimTest(`detached ${JSON.stringify(detached)} is 400`, async () => {
    await using execd = await startExecd();
    const message = await refusal(execd, { command: 'true', detached }, 400, 'INVALID_REQUEST_BODY');
    expect(message).toContain('detached');
    expect(await rowsOf(execd)).toEqual([]);
  });
}

childProcessTest('without the native launcher detached kill is 501, with the reason', async () => {
  await using execd = await startExecd();
  await expectNotSupported(execd, { command: 'true', detached: 'kill' });
  expect(await rowsOf(execd)).toEqual([]);
});
