import { spawn } from 'node:child_process';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { compiledShim } from './compiled-shim.ts';

/** The shim under test: the one that is shipped, unless SHIM_VARIANT says address or undefined. */
export const SHIM = compiledShim((process.env['SHIM_VARIANT'] ?? 'release') as 'release');

/** The command line of a program that prints each signal that it gets (signal-reporter.py). */
export const REPORTER: readonly string[] = ['python3', join(import.meta.dirname, 'signal-reporter.py')];

/** Words in front of `shim init` that make it PID 1 of a namespace of its own. Only root can have one. */
export const AS_PID_1: readonly string[] = ['unshare', '--pid', '--fork', '--kill-child', '--mount-proc'];

/** How long anything may take that happens in the background. A safety net. */
const LIMIT_MS = 10_000;

/** A program that runs, with what it wrote so far. Disposing it kills it and all its descendants. */
export interface RunningProgram extends AsyncDisposable {
  readonly pid: number;
  readonly stdin: ChildProcessWithoutNullStreams['stdin'];
  readonly stdout: string;
  readonly stderr: string;
  /** The lines of stdout that are complete. */
  readonly lines: readonly string[];
  /** Exit code, or the signal's name, when stdout and stderr have ended as well. */
  readonly ended: Promise<number | string>;
}

/** Starts a command line; nothing is waited for. */
export function run(commandLine: readonly string[], environment = process.env): RunningProgram {
  const [file = '', ...args] = commandLine;
  const child = spawn(file, args, { env: environment });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const ended = once(child, 'close').then(
    ([code, signal]: (number | string | null)[]) => code ?? signal ?? '',
  );
  const pid = child.pid ?? 0;
  return {
    pid,
    stdin: child.stdin,
    get stdout() {
      return stdout;
    },
    get stderr() {
      return stderr;
    },
    get lines() {
      return stdout.split('\n').slice(0, -1);
    },
    ended,
    async [Symbol.asyncDispose]() {
      for (const each of [...descendantsOf(pid), pid]) kill(each);
      await ended;
    },
  };
}

/** `shim init` with these arguments, run to its end. */
export async function runInit(
  args: readonly string[],
  environment = process.env,
): Promise<{ status: number | string; stdout: string; stderr: string }> {
  await using running = run([SHIM, 'init', ...args], environment);
  const status = await running.ended;
  return { status, stdout: running.stdout, stderr: running.stderr };
}

/** Resolves with the first value that is not undefined. */
async function eventually<T>(look: () => T | undefined): Promise<T> {
  const deadline = Date.now() + LIMIT_MS;
  for (;;) {
    const found = look();
    if (found !== undefined) return found;
    if (Date.now() > deadline) throw new Error(`waited in vain for ${look.toString()}`);
    await delay(2);
  }
}

/** Resolves as soon as the condition holds. */
export async function until(condition: () => boolean): Promise<void> {
  await eventually(() => condition() || undefined);
}

/** Resolves when a line that begins with this word was printed, with what follows it. */
export async function printed(running: RunningProgram, word: string): Promise<string> {
  const line = await eventually(() => running.lines.find((each) => each.split(' ')[0] === word));
  return line.slice(word.length + 1);
}

/** The children of a process, zombies included. None when it is gone. */
export function childrenOf(pid: number): number[] {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
    return children === '' ? [] : children.split(' ').map(Number);
  } catch {
    // It ended.
    return [];
  }
}

/** The process id of `shim init`: of the program itself, or where unshare made it PID 1, of its child. */
export function initOf(running: RunningProgram): Promise<number> {
  return eventually(() =>
    [running.pid, ...childrenOf(running.pid)].find((pid) => statusField(pid, 'Name').startsWith('shim')),
  );
}

/** One field of /proc/PID/status. */
export function statusField(pid: number, name: string): string {
  const line = readFileSync(`/proc/${pid}/status`, 'utf8')
    .split('\n')
    .find((each) => each.startsWith(`${name}:`));
  return line?.slice(name.length + 1).trim() ?? '';
}

/** Whether the process is there and no zombie. */
export function isAlive(pid: number): boolean {
  try {
    return !/^[ZX]/.test(statusField(pid, 'State'));
  } catch {
    return false;
  }
}

function descendantsOf(pid: number): number[] {
  return childrenOf(pid).flatMap((child) => [...descendantsOf(child), child]);
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Ended in the meantime.
  }
}
