import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { compiledShim } from './support/compiled-shim.ts';
import { buildTestProgram } from './support/native-program.ts';
import { pictureOf } from './support/process-picture.ts';
import { until } from './support/until.ts';
import { runCommand } from './support/command.ts';
import type { CommandResult } from './support/command.ts';
import { injectArguments } from './support/injector.ts';
import type { InjectRequest } from './support/injector.ts';
import type { ProcessPicture } from './support/process-picture.ts';
import { startTarget, untilAsleep } from './support/target-process.ts';
import type { TargetProcess } from './support/target-process.ts';

const READER = buildTestProgram('token-reader');
const TARGET = [buildTestProgram('blocked-call'), 'read'];
const hasStrace = (await runCommand(['which', 'strace'])).exit === 0;

test.beforeEach(({ skip }) => {
  skip(process.getuid?.() !== 0, 'attaching to processes needs root');
  skip(!hasStrace, 'there is no strace on this machine');
});

for (const method of ['fork', 'clone_vm'] as const) {
  test(`E3: killed at any ptrace call by ${method}, the injector takes the target along or leaves it alone`, async () => {
    const calls = await ptraceCalls(method);
    const { firstChange, lastChange } = changesOf(calls);
    expect(firstChange).toBeGreaterThan(0);
    expect(lastChange).toBeGreaterThan(firstChange);
    for (let at = 0; at < calls.length; at++) {
      await using victim = await startVictim();
      const { exit } = await injectWith(victim, method, `ptrace:signal=SIGKILL:when=${at + 1}`);
      expect(exit).toBe('SIGKILL');
      // What is killed at a call has not made it.
      const isBetween = at > firstChange && at <= lastChange;
      if (isBetween) expect(await victim.target.ended, calls[at]?.line).toBe('SIGKILL');
      else await expectUntouched(victim, calls[at]?.line);
      await until(() => victim.target.descendants().length === 0);
    }
  }, 120_000);

  test(`E3: whatever ptrace call fails by ${method}, the target goes on as before`, async () => {
    const calls = await ptraceCalls(method);
    const { lastInterrupt } = changesOf(calls);
    for (let at = 0; at < calls.length; at++) {
      // Of a target that waits for them these do not fail, and without them nobody could put it back.
      const isRestoring = at >= lastInterrupt && calls[at]?.pid === calls[0]?.pid;
      if (isRestoring || isWithinCall(calls, at)) continue;
      await using victim = await startVictim();
      const { exit, stdout } = await injectWith(victim, method, `ptrace:error=EIO:when=${at + 1}`);
      expect([exit, stdout], calls[at]?.line).toEqual([
        1,
        expect.stringMatching(/^\{"step":"\w+","errno":\d+,/),
      ]);
      await expectUntouched(victim, calls[at]?.line);
      await until(() => victim.target.descendants().length === 0);
    }
  }, 120_000);
}

interface PtraceCall {
  readonly request: string;
  readonly pid: number;
  readonly line: string;
}

interface Victim extends AsyncDisposable {
  readonly target: TargetProcess;
  readonly before: ProcessPicture;
}

/** A target that waits. */
async function startVictim(): Promise<Victim> {
  const target = startTarget(TARGET);
  await untilAsleep(target);
  return {
    target,
    before: pictureOf(target.pid),
    [Symbol.asyncDispose]: () => target[Symbol.asyncDispose](),
  };
}

async function expectUntouched({ target, before }: Victim, what = ''): Promise<void> {
  await untilAsleep(target);
  expect(pictureOf(target.pid), what).toEqual(before);
}

/** Injects while strace lets one call fail, or kills the injector at it. */
function injectWith(
  { target }: Victim,
  method: InjectRequest['method'] & string,
  fault: string,
): Promise<CommandResult> {
  return traceInjection(target.pid, method, ['-o', '/dev/null', '-e', `inject=${fault}`]);
}

function traceInjection(
  target: number,
  method: InjectRequest['method'] & string,
  options: readonly string[],
): Promise<CommandResult> {
  const args = injectArguments({ target, donor: 'self', method, program: READER, args: ['hold'] });
  return runCommand(['strace', '-e', 'trace=ptrace', ...options, compiledShim('release'), ...args]);
}

/** The ptrace calls of an injection that works, in order. */
async function ptraceCalls(method: InjectRequest['method'] & string): Promise<PtraceCall[]> {
  await using victim = await startVictim();
  const directory = mkdtempSync(join(tmpdir(), 'shim-strace.'));
  const log = join(directory, 'log');
  await traceInjection(victim.target.pid, method, ['-o', log]);
  const lines = readFileSync(log, 'utf8').matchAll(/^ptrace\((\w+), (\d+).*$/gm);
  rmSync(directory, { recursive: true });
  return [...lines].map(([line, request = '', pid]) => ({ request, pid: Number(pid), line }));
}

/** Whether the target works on a system call for the injector: the call has been entered, its result not been read. */
function isWithinCall(calls: readonly PtraceCall[], at: number): boolean {
  const before = calls.slice(0, at).filter(({ pid }) => pid === calls[0]?.pid);
  return calls[at]?.pid === calls[0]?.pid && /_(?:SYSCALL|GETEVENTMSG)$/.test(before.at(-1)?.request ?? '');
}

/** Where the target begins to be changed, where the last change is undone, and where undoing begins. */
function changesOf(calls: readonly PtraceCall[]): {
  readonly firstChange: number;
  readonly lastChange: number;
  readonly lastInterrupt: number;
} {
  const [seize] = calls;
  const isOfTarget = (request: string) => (call: PtraceCall) =>
    call.pid === seize?.pid && call.request === request;
  return {
    firstChange: calls.findIndex(({ line }) => line.includes('PTRACE_O_EXITKILL')),
    lastChange: calls.findLastIndex(isOfTarget('PTRACE_SETOPTIONS')),
    lastInterrupt: calls.findLastIndex(isOfTarget('PTRACE_INTERRUPT')),
  };
}
