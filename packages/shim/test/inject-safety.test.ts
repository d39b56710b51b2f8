import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { compiledShim } from './support/compiled-shim.ts';
import { buildTestProgram } from './support/native-program.ts';
import { isAsleep, pictureOf } from './support/process-picture.ts';
import { childrenOf, statusNumber } from './support/processes.ts';
import { until } from './support/until.ts';
import { runCommand } from './support/command.ts';
import { SIDECAR_SHIM, expectInjected, injectHere, injectInPod } from './support/injector.ts';
import { startPod, whyNoPod } from './support/pod.ts';
import { startTarget, untilAsleep } from './support/target-process.ts';

const METHODS = ['fork', 'clone_vm'] as const;
const ETIMEDOUT = 110;
/** The program says that it cannot do here what it is for. */
const EXIT_UNSUPPORTED = 77;
const READER = buildTestProgram('token-reader');

test.beforeEach(({ skip }) => skip(process.getuid?.() !== 0, 'attaching to processes needs root'));

for (const method of METHODS) {
  test(`E3: signals that come during injections by ${method} all arrive, in turn`, async () => {
    const counter = buildTestProgram('signal-counter');
    await using target = startTarget([counter, 'receive']);
    await untilAsleep(target);
    await using sender = startTarget([counter, 'send', String(target.pid)]);
    await until(() => hasReceived(target.pid));
    for (let i = 0; i < 10; i++) {
      const { pid } = expectInjected(
        await injectHere({ target: target.pid, method, program: READER, args: ['hold'] }),
      );
      process.kill(pid, 'SIGKILL');
    }
    process.kill(sender.pid, 'SIGTERM');
    expect(await sender.ended).toBe(0);
    process.kill(target.pid, 'SIGTERM');
    expect(await target.ended).toBe(0);
    await until(() => sender.output() !== '' && target.output() !== '');
    expect(target.output()).toBe(sender.output());
  });

  test(`E3: a program in restartable sequences is never cut off in one by ${method}`, async ({ skip }) => {
    await using target = startTarget([buildTestProgram('restartable-sequence')]);
    const outcome = await Promise.race([target.ended, until(() => target.output() === 'running\n')]);
    skip(outcome === EXIT_UNSUPPORTED, 'no restartable sequences here');
    for (let i = 0; i < 10; i++)
      expectInjected(await injectHere({ target: target.pid, method, program: READER, args: ['hold'] }));
    process.kill(target.pid, 'SIGTERM');
    await target.ended;
    expect(target.output()).toMatch(/completed [1-9]\d* cut off 0\n$/);
  });

  test(`E3: a process that is stopped and continued all the time goes on after injections by ${method}`, async () => {
    await using target = startTarget([buildTestProgram('allocator'), '1', '2']);
    await until(() => target.output() !== '');
    const script = `while kill -STOP ${target.pid} && kill -CONT ${target.pid}; do :; done`;
    const toggler = spawn('/bin/sh', ['-c', script], { stdio: 'ignore' });
    for (let i = 0; i < 10; i++) {
      const result = await injectHere({ target: target.pid, method, program: READER, args: ['hold'] });
      if ('step' in result) expect(result.message).toBe('the process is stopped');
    }
    toggler.kill('SIGKILL');
    await once(toggler, 'exit');
    process.kill(target.pid, 'SIGCONT');
    await expectToWork(target);
    expect(target.output()).not.toMatch(/children [1-9]/);
    expect(childrenOf(target.pid)).toEqual([]);
  });

  test(`E3: an injector that is killed before or after its work by ${method} leaves the target alone`, async () => {
    await using target = startTarget([buildTestProgram('blocked-call'), 'read']);
    await untilAsleep(target);
    const before = pictureOf(target.pid);
    const args = ['inject', String(target.pid), '--donor', 'self', '--method', method, '--program', READER];
    // It waits for the token, with nothing done yet.
    const early = spawn(compiledShim('release'), [...args, '--token-fd', '0', '--', 'hold'], {
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    await untilAsleep({ pid: early.pid ?? 0 });
    early.kill('SIGKILL');
    await once(early, 'exit');
    expect(pictureOf(target.pid)).toEqual(before);
    expect(target.descendants()).toEqual([]);
    // It waits for the resident, which never listens.
    const late = spawn(compiledShim('release'), [...args, '--listen', '@nobody-listens-here', '--', 'hold'], {
      stdio: 'ignore',
    });
    await until(() => target.descendants().length === 1 && isAsleep(late.pid ?? 0));
    late.kill('SIGKILL');
    await once(late, 'exit');
    await untilAsleep(target);
    expect(pictureOf(target.pid)).toEqual(before);
    expect(target.descendants()).toHaveLength(1);
  });
}

test('a resident that does not listen in time is killed, and so is one that ends', async () => {
  await using target = startTarget([buildTestProgram('blocked-call'), 'read']);
  await untilAsleep(target);
  const request = { target: target.pid, program: READER, listen: '@nobody-listens-here' };
  expect(await injectHere({ ...request, args: ['hold'] })).toMatchObject({
    step: 'listen',
    errno: ETIMEDOUT,
  });
  expect(await injectHere({ ...request, args: [] })).toMatchObject({
    step: 'listen',
    message: 'the resident has ended',
  });
  await until(() => target.descendants().length === 0);
});

test('E3: a container that is frozen is let go, and goes on when it thaws', async ({ skip }) => {
  const reason = await whyNoPod();
  skip(reason !== undefined, reason);
  await using pod = await startPod({
    main: { args: ['/blocked-call', 'read'], binds: { '/blocked-call': buildTestProgram('blocked-call') } },
    sidecar: { binds: { [SIDECAR_SHIM]: compiledShim('release'), '/token-reader': READER } },
  });
  const { main } = pod;
  await until(() => isAsleep(main.machinePid));
  const before = pictureOf(main.machinePid);
  await pod.freezeMain();
  const result = await injectInPod(pod, {
    target: main.pid,
    donor: 'self',
    program: '/token-reader',
    args: ['hold'],
  });
  await pod.thawMain();
  expect(result).toMatchObject({ errno: ETIMEDOUT });
  await until(() => isAsleep(main.machinePid));
  expect(pictureOf(main.machinePid)).toEqual(before);
});

test('E3: the shim works under a sanitizer', async () => {
  await using target = startTarget([buildTestProgram('blocked-call'), 'read']);
  await untilAsleep(target);
  for (const sanitizer of ['address', 'undefined'] as const) {
    const program = compiledShim(sanitizer);
    const probed = await runCommand([program, 'probe', String(target.pid)]);
    expect(probed).toMatchObject({ exit: 0, stderr: '' });
    for (const method of METHODS) {
      const args = ['--donor', 'self', '--method', method, '--program', READER, '--', 'hold'];
      const injected = await runCommand([program, 'inject', String(target.pid), ...args]);
      expect(injected).toMatchObject({ exit: 0, stderr: '' });
    }
  }
  expect(target.descendants()).toHaveLength(4);
}, 60_000);

/** It runs its handler from time to time, which a process that only waits does not. */
function hasReceived(pid: number): boolean {
  return statusNumber(pid, 'voluntary_ctxt_switches') > 100;
}

/** It prints more and more. */
async function expectToWork(target: { output(): string }): Promise<void> {
  const { length } = target.output();
  await until(() => target.output().length > length);
}
