import { constants } from 'node:os';
import { beforeEach, expect, test } from 'vitest';
import type { RunningProgram } from './support/init-process.ts';
import {
  AS_PID_1,
  REPORTER,
  SHIM,
  initOf,
  printed,
  run,
  statusField,
  until,
} from './support/init-process.ts';

const SIGTSTP = 20;
const SIGUSR1 = 10;
const SIGUSR2 = 12;
const SIGTERM = 15;
const SIGCONT = 18;

/** Not to be caught: 9, 19. About us, not about the command: 17, 21, 22. The C library's: 32 to 34. */
const NOT_PASSED_ON = new Set([9, 17, 19, 21, 22, 32, 33, 34]);
const PASSED_ON = numbers(1, 64).filter((signal) => !NOT_PASSED_ON.has(signal));

beforeEach(({ skip }) => {
  skip(process.geteuid?.() !== 0, 'only root can make somebody PID 1');
});

test.each([
  { name: 'not PID 1', prefix: [] },
  { name: 'PID 1', prefix: AS_PID_1 },
])('every signal reaches the command: $name', async ({ prefix }) => {
  await using running = run([...prefix, SHIM, 'init', '--', ...REPORTER]);
  await printed(running, 'ready');
  const init = await initOf(running);
  for (const [index, signal] of PASSED_ON.entries()) {
    process.kill(init, signal);
    // One by one: a SIGCONT that is pending would erase a SIGTSTP, and the other way round.
    await until(() => signalsOf(running, 'leader').length > index);
  }
  expect(signalsOf(running, 'leader')).toEqual(PASSED_ON);
});

test.each(['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'] as const)(
  '§13.6 %s ends a command that does not catch it, also below PID 1: 128 and its number',
  async (signal) => {
    const script = 'ulimit -c 0; echo ready; exec sleep 60';
    await using running = run([...AS_PID_1, SHIM, 'init', '--', 'sh', '-c', script]);
    await printed(running, 'ready');
    process.kill(await initOf(running), signal);
    expect(await running.ended).toBe(128 + constants.signals[signal]);
  },
);

test('§13.6 a command that catches SIGTERM decides its exit code', async () => {
  const script = 'trap "exit 7" TERM; echo ready; while :; do sleep 0.05; done';
  await using running = run([SHIM, 'init', '--', 'bash', '-c', script]);
  await printed(running, 'ready');
  process.kill(running.pid, 'SIGTERM');
  expect(await running.ended).toBe(7);
});

test('signals go to the command alone, those of job control to its group', async () => {
  await using running = run([SHIM, 'init', '--', ...REPORTER, '--member']);
  const member = await bothReady(running);
  process.kill(running.pid, SIGUSR1);
  await until(() => signalsOf(running, 'leader').includes(SIGUSR1));
  process.kill(running.pid, SIGTSTP);
  await until(() => signalsOf(running, 'member').includes(SIGTSTP));
  process.kill(running.pid, SIGCONT);
  await until(() => signalsOf(running, 'member').includes(SIGCONT));
  process.kill(member, SIGUSR2);
  await until(() => signalsOf(running, 'member').includes(SIGUSR2));
  expect(signalsOf(running, 'member')).toEqual([SIGTSTP, SIGCONT, SIGUSR2]);
  await until(() => signalsOf(running, 'leader').length === 3);
  expect(signalsOf(running, 'leader')).toEqual([SIGUSR1, SIGTSTP, SIGCONT]);
});

test('-g: every signal goes to the group', async () => {
  await using running = run([SHIM, 'init', '-g', '--', ...REPORTER, '--member']);
  await bothReady(running);
  for (const signal of [SIGTERM, SIGUSR1, SIGUSR2]) process.kill(running.pid, signal);
  for (const role of ['leader', 'member'] as const) {
    await until(() => signalsOf(running, role).length === 3);
    expect(ascending(signalsOf(running, role))).toEqual([SIGUSR1, SIGUSR2, SIGTERM]);
  }
});

test('-g: a command that left its group gets its signals all the same', async () => {
  const script = 'import os, sys; os.setpgid(0, os.getppid()); os.execvp(sys.argv[1], sys.argv[1:])';
  // In a session of its own, so that there is a group to move to.
  const inNewSession = ['setsid', '--wait', SHIM, 'init', '-g', '--'];
  await using running = run([...inNewSession, 'python3', '-c', script, ...REPORTER]);
  const leader = Number(await printed(running, 'ready'));
  const init = Number(statusField(leader, 'PPid'));
  process.kill(init, SIGUSR2);
  await until(() => signalsOf(running, 'leader').length > 0);
  // It is in the group of init, which was not signaled.
  expect(signalsOf(running, 'leader')).toEqual([SIGUSR2]);
});

test('the command starts with the mask and the dispositions that we were started with', async () => {
  const odd = ['env', '--block-signal=USR1,TERM,RTMIN+3', '--ignore-signal=HUP,CHLD,PIPE,TTOU'];
  const look = ['grep', '-E', '^Sig(Blk|Ign|Cgt|Pnd)', '/proc/self/status'];
  await using bare = run([...odd, ...look]);
  await using below = run([...odd, SHIM, 'init', '--', ...look]);
  // With SIGCHLD ignored the kernel would forget how the command ended.
  expect([await bare.ended, await below.ended]).toEqual([0, 0]);
  expect(below.stdout).toMatch(/SigBlk:\t0000001000004200\n/);
  expect(below.stdout).toBe(bare.stdout);
});

test('a signal that is pending when we are started goes to the command', async () => {
  const start = [
    'import os, signal, sys',
    'signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGUSR1])',
    'for number in (signal.SIGTERM, signal.SIGUSR1): os.kill(os.getpid(), number)',
    'os.execvp(sys.argv[1], sys.argv[1:])',
  ].join('\n');
  await using running = run(['python3', '-c', start, SHIM, 'init', '--', ...REPORTER]);
  await until(() => signalsOf(running, 'leader').length === 2);
  expect(ascending(signalsOf(running, 'leader'))).toEqual([SIGUSR1, SIGTERM]);
});

test('a storm of signals at the start: each one arrives', async () => {
  const start = [
    'import os, signal, sys',
    'signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())',
    'print("storm", flush=True)',
    'os.execvp(sys.argv[1], sys.argv[1:])',
  ].join('\n');
  await using running = run(['python3', '-c', start, SHIM, 'init', '--', ...REPORTER]);
  await printed(running, 'storm');
  // Real-time signals queue, the others do not: of these only the last is sure to be seen.
  const realTime = numbers(35, 64);
  const rounds = 20;
  for (let round = 0; round < rounds; round += 1) {
    for (const signal of [SIGTERM, SIGUSR1, ...realTime]) process.kill(running.pid, signal);
  }
  await until(() => signalsOf(running, 'leader').filter((each) => each >= 35).length >= rounds * 30);
  const counts = new Map<number, number>();
  for (const signal of signalsOf(running, 'leader')) counts.set(signal, (counts.get(signal) ?? 0) + 1);
  expect(realTime.map((signal) => counts.get(signal))).toEqual(realTime.map(() => rounds));
  expect(counts.get(SIGTERM)).toBeGreaterThanOrEqual(1);
  expect(counts.get(SIGUSR1)).toBeGreaterThanOrEqual(1);
});

test('a command that is stopped without a terminal stays stopped, and SIGCONT continues it', async () => {
  await using running = run([SHIM, 'init', '--', 'sh', '-c', 'echo ready $$; read -r line; echo $line']);
  const command = Number(await printed(running, 'ready'));
  process.kill(running.pid, 'SIGTSTP');
  await until(() => statusField(command, 'State').startsWith('T'));
  await until(() => statusField(running.pid, 'State').startsWith('S'));
  running.stdin.end('done\n');
  process.kill(running.pid, 'SIGCONT');
  expect(await running.ended).toBe(0);
  expect(running.lines[1]).toBe('done');
});

async function bothReady(running: RunningProgram): Promise<number> {
  await printed(running, 'ready');
  const member = Number(await printed(running, 'member-pid'));
  // All signals are blocked in it from the start: it inherits the mask.
  return member;
}

/** The signals that the reporter in this role printed, in their order. */
function signalsOf(running: RunningProgram, role: 'leader' | 'member'): number[] {
  return running.lines
    .map((line) => line.split(' '))
    .filter(([word]) => word === role)
    .map(([, signal]) => Number(signal));
}

function numbers(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

function ascending(signals: readonly number[]): number[] {
  return [...signals].sort((a, b) => a - b);
}
