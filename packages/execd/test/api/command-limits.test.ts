import { readFileSync, statSync } from 'node:fs';
import { expect, test } from 'vitest';
import { expectNotSupported } from '../support/capabilities.ts';
import {
  endingOf,
  finished,
  logsOf,
  refusal,
  rowsOf,
  startBackground,
  statusOf,
} from '../support/commands.ts';
import { idOf, startExecd, texts } from '../support/execd.ts';
import type { ExecdClient } from '../support/execd-client.ts';
import { childProcessTest, shimTest } from '../support/launcher.ts';
import { processesOf } from '../support/processes.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { hasCapability, isRoot, ownUser } from '../support/test-users.ts';

const ONLY_ROOT = 'only root can run a command as somebody else';
const MIB = 1024 * 1024;
/** capabilities(7) */
const CAP_SYS_NICE = 23;
const CAP_SYS_RESOURCE = 24;

/** The limits that a command with these fields has, in the words of the kernel: `soft hard`. */
async function limitsOf(
  execd: ExecdClient,
  fields: Record<string, unknown> = {},
): Promise<Record<string, string>> {
  return parseLimits(texts(await execd.run({ argv: ['cat', '/proc/self/limits'], ...fields })));
}

function parseLimits(lines: readonly string[]): Record<string, string> {
  const rows = lines.flatMap((line) => [...line.matchAll(/^(Max .*?) {2,}(\S+) +(\S+)/g)]);
  return Object.fromEntries(rows.map(([, name = '', soft, hard]) => [name, `${soft} ${hard}`]));
}

/** The evalue of a command that could not be started. */
async function startFailure(execd: ExecdClient, body: Record<string, unknown>): Promise<string> {
  const events = await execd.run(body);
  expect(events.map(({ type }) => type)).toEqual(['init', 'error']);
  const error = events[1]?.type === 'error' ? events[1].error : undefined;
  expect(error).toMatchObject({ ename: 'CommandExecError', traceback: [error?.evalue] });
  return error?.evalue ?? '';
}

for (const [limits, row, value] of [
  [{ cpuSeconds: 100 }, 'Max cpu time', '100 100'],
  [{ addressSpace: 2048 * MIB }, 'Max address space', `${2048 * MIB} ${2048 * MIB}`],
  [{ fileSize: 1_000_001 }, 'Max file size', '1000001 1000001'],
  [{ openFiles: 333 }, 'Max open files', '333 333'],
] as const) {
  shimTest(`limits ${JSON.stringify(limits)}: soft and hard, this one alone`, async () => {
    await using execd = await startExecd();
    const usual = await limitsOf(execd);
    const limited = await limitsOf(execd, { limits });
    expect(limited[row]).toBe(value);
    // Of the pending signals each command has another number: that is how its processes are found.
    for (const name of Object.keys(usual))
      if (name !== row && name !== 'Max pending signals') expect(limited[name], name).toBe(usual[name]);
    // The next command and the launcher itself have nothing of it.
    expect((await limitsOf(execd))[row]).toBe(usual[row]);
  });
}

shimTest(
  'all limits at once, for the descendants too, in the background and by names in any case',
  async ({ skip }) => {
    skip(!isRoot, ONLY_ROOT);
    await using execd = await startExecd();
    const body = {
      command: 'sh -c "cat /proc/self/limits; nice; cat /proc/self/oom_score_adj"',
      uid: ownUser(),
      LIMITS: {
        cpuseconds: 7,
        AddressSpace: 4096 * MIB,
        filesize: 5_000_000,
        OPENFILES: 50,
        processes: 20,
        Nice: 5,
        oomScoreAdj: 500,
      },
    };
    const id = await startBackground(execd, body);
    expect(await finished(execd, id)).toMatchObject({ exit_code: 0 });
    const lines = (await logsOf(execd, id)).trimEnd().split('\n');
    expect(parseLimits(lines)).toMatchObject({
      'Max cpu time': '7 7',
      'Max address space': `${4096 * MIB} ${4096 * MIB}`,
      'Max file size': '5000000 5000000',
      'Max open files': '50 50',
      'Max processes': '20 20',
    });
    expect(lines.slice(-2)).toEqual(['5', '500']);
  },
);

shimTest('limits that are empty or null limit nothing', async () => {
  await using execd = await startExecd();
  const usual = (await limitsOf(execd))['Max open files'];
  for (const limits of [{}, null, { openFiles: null }])
    expect((await limitsOf(execd, { limits }))['Max open files']).toBe(usual);
});

shimTest('a command that has used its CPU time is killed, by nobody of ours', async () => {
  await using execd = await startExecd();
  const status = await endingOf(execd, { command: 'while :; do :; done', limits: { cpuSeconds: 1 } });
  expect(status).toMatchObject({
    exit_code: -1,
    error: 'signal: killed',
    signal: 'SIGKILL',
    timed_out: false,
  });
  expect(status).not.toHaveProperty('killed_by');
  expect(status.oom_killed).toBe(false);
});

shimTest('a file grows to its limit, and its writer gets SIGXFSZ', async () => {
  await using directory = await temporaryDirectory();
  await using execd = await startExecd();
  const status = await endingOf(execd, {
    argv: ['dd', 'if=/dev/zero', 'of=file', 'bs=1000', 'count=10'],
    cwd: directory.path,
    limits: { fileSize: 2500 },
  });
  expect(status).toMatchObject({ exit_code: -1, signal: 'SIGXFSZ' });
  expect(statSync(`${directory.path}/file`).size).toBe(2500);
});

shimTest('memory above the address space cannot be had', async () => {
  await using execd = await startExecd();
  const body = { argv: ['dd', 'if=/dev/zero', 'of=/dev/null', 'bs=1G', 'count=1'] };
  expect(await endingOf(execd, { ...body, limits: { addressSpace: 500 * MIB } })).toMatchObject({
    exit_code: 1,
  });
  expect(await endingOf(execd, { ...body, limits: { addressSpace: 5000 * MIB } })).toMatchObject({
    exit_code: 0,
  });
});

shimTest('files above the limit cannot be opened', async () => {
  await using execd = await startExecd();
  const body = { argv: ['bash', '-c', 'exec 8</dev/null && echo opened'] };
  expect(texts(await execd.run({ ...body, limits: { openFiles: 8 } }))).toEqual([]);
  expect(texts(await execd.run({ ...body, limits: { openFiles: 9 } }))).toEqual(['opened']);
});

shimTest('setrlimit(2): the processes of a user are counted, the shell among them', async ({ skip }) => {
  skip(!isRoot, ONLY_ROOT);
  await using execd = await startExecd();
  const body = {
    argv: ['sh', '-c', 'for i in 1 2 3 4 5 6; do sleep 300 & echo $i; done'],
    uid: ownUser(),
    limits: { processes: 4 },
    detached: 'kill',
  };
  const events = await execd.run(body);
  expect(texts(events)).toEqual(['1', '2', '3']);
  expect(texts(events, 'stderr').join('\n')).toMatch(/fork/i);
  // Another user has a number of its own.
  expect(texts(await execd.run({ ...body, uid: ownUser() }))).toEqual(['1', '2', '3']);
});

for (const who of [{}, { uid: 0 }, { uid: 0, gid: 65_534 }]) {
  shimTest(
    `setrlimit(2): root has no limit of processes: ${JSON.stringify(who)} is 400`,
    async ({ skip }) => {
      skip(!isRoot, 'these tests do not run as root');
      await using execd = await startExecd();
      const body = { command: 'true', ...who, limits: { processes: 100 } };
      const message = await refusal(execd, body, 400, 'INVALID_REQUEST_BODY');
      expect(message).toContain('processes');
      expect(message).toMatch(/\broot\b|\buid 0\b/);
      expect(await rowsOf(execd)).toEqual([]);
    },
  );
}

shimTest('a better place at the CPU needs a privilege', async () => {
  await using execd = await startExecd();
  const body = { argv: ['nice'], limits: { nice: -3 } };
  if (hasCapability(CAP_SYS_NICE)) expect(texts(await execd.run(body))).toEqual(['-3']);
  else expect(await startFailure(execd, body)).toMatch(/^fork\/exec \/\S+: permission denied .*nice/);
});

shimTest('a better place when memory runs out needs a privilege', async () => {
  await using execd = await startExecd();
  const body = { argv: ['cat', '/proc/self/oom_score_adj'], limits: { oomScoreAdj: -1000 } };
  if (hasCapability(CAP_SYS_RESOURCE)) expect(texts(await execd.run(body))).toEqual(['-1000']);
  else expect(await startFailure(execd, body)).toMatch(/permi.*oom_?score_?adj/i);
});

shimTest('a limit that the kernel refuses is the reason why the command does not start', async () => {
  await using execd = await startExecd();
  const most = Number(readFileSync('/proc/sys/fs/nr_open', 'utf8'));
  const limits = { openFiles: most + 1 };
  const refused = /^fork\/exec \/\S+: operation not permitted \(limit openFiles\)$/;
  expect(await startFailure(execd, { command: 'true', limits })).toMatch(refused);
  const events = await execd.run({ command: 'sleep 300', limits, background: true });
  expect(events.map(({ type }) => type)).toEqual(['init', 'error']);
  const id = idOf(events);
  const status = await statusOf(execd, id);
  expect(status).toMatchObject({ running: false, exit_code: 255 });
  expect(status.error).toMatch(refused);
  expect(processesOf(id)).toEqual([]);
  expect(texts(await execd.run({ command: 'echo after' }))).toEqual(['after']);
});

for (const [limits, named] of [
  [{ memory: 1 }, 'memory'],
  [{ openFiles: 10, stackSize: 1 }, 'stackSize'],
  [{ cpuSeconds: -1 }, 'cpuSeconds'],
  [{ cpuSeconds: 1.5 }, 'cpuSeconds'],
  [{ cpuSeconds: '5' }, 'cpuSeconds'],
  [{ addressSpace: true }, 'addressSpace'],
  [{ addressSpace: 2 ** 64 }, 'addressSpace'],
  [{ fileSize: -5 }, 'fileSize'],
  [{ openFiles: [5] }, 'openFiles'],
  [{ openFiles: {} }, 'openFiles'],
  [{ processes: -1 }, 'processes'],
  [{ nice: 20 }, 'nice'],
  [{ nice: -21 }, 'nice'],
  [{ nice: 0.5 }, 'nice'],
  [{ oomScoreAdj: 1001 }, 'oomScoreAdj'],
  [{ oomScoreAdj: -1001 }, 'oomScoreAdj'],
  [[], 'limits'],
  [5, 'limits'],
  ['openFiles', 'limits'],
] as const) {
  shimTest(`limits ${JSON.stringify(limits)} are 400`, async () => {
    await using execd = await startExecd();
    const message = await refusal(execd, { command: 'true', limits }, 400, 'INVALID_REQUEST_BODY');
    expect(message).toContain(named);
    expect(await rowsOf(execd)).toEqual([]);
  });
}

childProcessTest('without the native launcher limits are 501, with the reason', async () => {
  await using execd = await startExecd();
  for (const limits of [{ openFiles: 64 }, { nice: 5 }, { cpuSeconds: 1, oomScoreAdj: 3 }])
    await expectNotSupported(execd, { command: 'true', limits });
  expect(await rowsOf(execd)).toEqual([]);
});

test('limits that are null are no limits', async () => {
  await using execd = await startExecd();
  expect(texts(await execd.run({ command: 'echo runs', limits: null }))).toEqual(['runs']);
});
