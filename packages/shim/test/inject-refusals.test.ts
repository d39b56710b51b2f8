import { expect, test } from 'vitest';
import { compiledShim } from './support/compiled-shim.ts';
import { buildTestProgram } from './support/native-program.ts';
import { isAsleep, pictureOf } from './support/process-picture.ts';
import { childrenOf, statOf } from './support/processes.ts';
import { until } from './support/until.ts';
import { runCommand } from './support/command.ts';
import { foreignProgram } from './support/foreign-program.ts';
import { SIDECAR_SHIM, injectHere, injectInPod } from './support/injector.ts';
import { startPod, whyNoPod } from './support/pod.ts';
import { startTarget, untilAsleep } from './support/target-process.ts';

const READER = { program: buildTestProgram('token-reader'), args: ['hold'] };
const BLOCKED = buildTestProgram('blocked-call');
const NO_PROCESS = 4_194_303;
const KERNEL_THREAD = 2;
const ERROR = { EPERM: 1, ESRCH: 3, ENOEXEC: 8, EBUSY: 16, EINVAL: 22 } as const;

test.beforeEach(({ skip }) => skip(process.getuid?.() !== 0, 'attaching to processes needs root'));

test('E3: a process that is stopped is refused and stays stopped', async () => {
  await using target = startTarget([BLOCKED, 'read']);
  await untilAsleep(target);
  process.kill(target.pid, 'SIGSTOP');
  await until(() => statOf(target.pid)?.state === 'T');
  const before = pictureOf(target.pid);
  expect(await injectHere({ target: target.pid, ...READER })).toMatchObject({
    step: 'target',
    errno: ERROR.EBUSY,
    message: 'the process is stopped',
  });
  expect(pictureOf(target.pid)).toEqual(before);
  expect(statOf(target.pid)?.state).toBe('T');
});

test('E3: a process that is being traced is refused and stays with its tracer', async ({ skip }) => {
  const { exit } = await runCommand(['which', 'strace']);
  skip(exit !== 0, 'there is no strace on this machine');
  await using target = startTarget([BLOCKED, 'read']);
  const traced = target.pid;
  await using tracer = startTarget(['strace', '-o', '/dev/null', '-e', 'trace=none', '-p', String(traced)]);
  await until(() => pictureOf(traced).tracer === tracer.pid && isAsleep(traced));
  expect(await injectHere({ target: traced, ...READER })).toMatchObject({
    step: 'target',
    errno: ERROR.EBUSY,
    message: 'the process is being traced already',
  });
  expect(pictureOf(traced)).toMatchObject({ tracer: tracer.pid, isAsleep: true });
});

test('E3: a zombie is refused', async () => {
  await using target = startTarget(['/bin/sh', '-c', 'sleep 0 & exec sleep 1000']);
  await until(() => statOf(childrenOf(target.pid)[0] ?? 0)?.state === 'Z');
  expect(await injectHere({ target: childrenOf(target.pid)[0] ?? 0, ...READER })).toMatchObject({
    step: 'target',
    errno: ERROR.ESRCH,
  });
});

test('E3: a program of another word size is refused', async ({ skip }) => {
  using foreign = foreignProgram();
  const { exit } = await runCommand(['timeout', '0.1', foreign.path]).catch(() => ({
    exit: 'not executable',
  }));
  skip(exit !== 124, 'this system executes no 32-bit programs');
  await using target = startTarget([foreign.path]);
  await untilAsleep(target);
  const before = pictureOf(target.pid);
  expect(await injectHere({ target: target.pid, ...READER })).toMatchObject({
    step: 'target',
    errno: ERROR.ENOEXEC,
  });
  expect(pictureOf(target.pid)).toEqual(before);
});

test('E3: what is no process that could be attached to is refused', async () => {
  expect(await injectHere({ target: NO_PROCESS, ...READER })).toMatchObject({
    step: 'target',
    errno: ERROR.ESRCH,
  });
  expect(await injectHere({ target: KERNEL_THREAD, ...READER })).toMatchObject({
    step: 'target',
    errno: ERROR.EINVAL,
  });
  const script = `exec ${compiledShim('release')} inject $$ --donor self --program ${READER.program} -- hold`;
  const { stdout } = await runCommand(['/bin/sh', '-c', script]);
  expect(JSON.parse(stdout)).toMatchObject({ step: 'target', errno: ERROR.EINVAL });
});

test('E3: the process of the pod itself is refused', async ({ skip }) => {
  const reason = await whyNoPod();
  skip(reason !== undefined, reason);
  await using pod = await startPod({
    sidecar: { binds: { [SIDECAR_SHIM]: compiledShim('release'), '/token-reader': READER.program } },
  });
  const before = pictureOf(pod.pausePid);
  expect(await injectInPod(pod, { target: 1, program: '/token-reader', args: ['hold'] })).toMatchObject({
    step: 'target',
    errno: ERROR.EINVAL,
  });
  expect(pictureOf(pod.pausePid)).toEqual(before);
});

test('E1: without CAP_SYS_PTRACE another user is out of reach, with it nothing else is needed', async ({
  skip,
}) => {
  const reason = await whyNoPod();
  skip(reason !== undefined, reason);
  for (const addCapabilities of [[], ['CAP_SYS_PTRACE']]) {
    await using pod = await startPod({
      main: { uid: 1000 },
      sidecar: {
        dropAllCapabilities: true,
        addCapabilities,
        binds: { [SIDECAR_SHIM]: compiledShim('release'), '/token-reader': READER.program },
      },
    });
    const result = await injectInPod(pod, { target: pod.main.pid, program: '/token-reader', args: ['hold'] });
    const expected =
      addCapabilities.length > 0 ? { donorPid: pod.main.pid } : { step: 'access', errno: ERROR.EPERM };
    expect(result).toMatchObject(expected);
  }
});

test('a program that is not there, or no program, is reported before anything is touched', async () => {
  await using target = startTarget([BLOCKED, 'read']);
  await untilAsleep(target);
  const before = pictureOf(target.pid);
  for (const program of ['/not/there', '/proc'])
    expect(await injectHere({ target: target.pid, program })).toMatchObject({ step: 'program' });
  expect(pictureOf(target.pid)).toEqual(before);
  const noProgram = { target: target.pid, program: import.meta.filename };
  expect(await injectHere({ ...noProgram, listen: '@nobody-listens-here' })).toMatchObject({
    step: 'listen',
  });
  await untilAsleep(target);
  expect(pictureOf(target.pid)).toEqual(before);
});

test('a command line that makes no sense ends with status 2 and the usage', async () => {
  const pid = String(process.pid);
  const wrong = [
    [],
    ['0'],
    ['x'],
    [pid],
    [pid, '--listen', '@a'],
    [pid, '--token-fd', '0'],
    [pid, '--listen', '', '--token-fd', '0'],
    [pid, '--program', '/bin/true', 'more'],
    [pid, '--program', '/bin/true', '--donor', 'any'],
    [pid, '--program', '/bin/true', '--method', 'vfork'],
    [pid, '--program', '/bin/true', '--token-fd', '99'],
    [pid, '--unknown'],
  ];
  for (const args of wrong) {
    const { exit, stdout, stderr } = await runCommand([compiledShim('release'), 'inject', ...args]);
    expect([exit, stdout], args.join(' ')).toEqual([2, '']);
    expect(stderr, args.join(' ')).toContain('usage: shim inject PID');
  }
  const resident = await runCommand([
    compiledShim('release'),
    'resident',
    'serve',
    '--listen',
    '@a',
    '--token-fd',
    '0',
  ]);
  expect(resident).toMatchObject({ exit: 2, stdout: '' });
});
