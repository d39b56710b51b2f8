import { readFileSync, readdirSync } from 'node:fs';
import { ChildProcessLauncher } from '../../src/os/child-process-launcher.ts';
import type { LaunchedProcess } from '../../src/os/process-launcher.ts';
import { EXECUTION_COOKIE } from '../../src/os/process-tree.ts';
import { until } from './until.ts';

/** A shell script that runs, with the numbers that it printed: one process id a line. */
export interface RunningScript extends AsyncDisposable {
  readonly process: LaunchedProcess;
  readonly printed: readonly number[];
}

/** Starts a script that carries the cookie and waits until it has printed `count` process ids. Disposing kills all. */
export async function startScript(script: string, cookie: string, count: number): Promise<RunningScript> {
  const launcher = new ChildProcessLauncher();
  let output = '';
  const launched = await launcher.launch(
    {
      file: '/bin/sh',
      argv: ['sh', '-c', script],
      environment: { PATH: process.env['PATH'] ?? '', [EXECUTION_COOKIE]: cookie },
      cwd: undefined,
      identity: undefined,
      stdin: 'null',
      mergeOutput: false,
    },
    (_stream, chunk) => {
      output += chunk.toString();
      return undefined;
    },
  );
  const printed = () => output.split('\n').slice(0, -1).map(Number);
  await until(() => printed().length >= count);
  return {
    process: launched,
    printed: printed(),
    async [Symbol.asyncDispose]() {
      await launched.signal('SIGKILL', 'group');
      for (const pid of printed()) if (isAlive(pid)) process.kill(pid, 'SIGKILL');
      await launched.exited;
      await launcher[Symbol.asyncDispose]();
    },
  };
}

/** Whether the process runs; a zombie does not. */
export function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(')') + 2));
  } catch {
    // Gone.
    return false;
  }
}

/** SIGKILL, if it is still there. */
export function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Gone.
  }
}

/** The processes that run and carry the execution's id in their environment. */
export function processesOf(executionId: string): number[] {
  const cookie = `${EXECUTION_COOKIE}=${executionId}`;
  return runningProcesses().filter((pid) => procFile(pid, 'environ').split('\0').includes(cookie));
}

/** The processes, this one aside, that run and have this text in their environment or their arguments. */
export function processesThatName(text: string): number[] {
  return runningProcesses().filter(
    (pid) => pid !== process.pid && (procFile(pid, 'environ') + procFile(pid, 'cmdline')).includes(text),
  );
}

/** The processes that run as this user. */
export function processesOfUser(uid: number): number[] {
  const real = new RegExp(`^Uid:\\s+${uid}\\s`, 'm');
  return runningProcesses().filter((pid) => real.test(procFile(pid, 'status')));
}

function runningProcesses(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter(isAlive);
}

function procFile(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'latin1');
  } catch {
    // Gone.
    return '';
  }
}
