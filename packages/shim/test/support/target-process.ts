import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { isAsleep } from './process-picture.ts';
import { kill, processesWith } from './processes.ts';
import { until } from './until.ts';

/** A process of this machine to inject into. Disposing it ends it and everything that came from it. */
export interface TargetProcess extends AsyncDisposable {
  readonly pid: number;
  /** Everything that it wrote to stdout. */
  output(this: void): string;
  /** The exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>;
  /** The processes that were made from it and still run: they have its environment. */
  descendants(this: void): number[];
}

/** Which environment variable tells whose descendant a process is. */
const MARK = 'SHIM_TEST_TARGET';
let targets = 0;

/** Starts it. */
export function startTarget([file = '', ...args]: readonly string[]): TargetProcess {
  const mark = `${MARK}=${process.pid}-${++targets}`;
  const child = spawn(file, args, {
    env: { ...process.env, [MARK]: mark.slice(MARK.length + 1) },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let written = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (written += text));
  const ended = once(child, 'exit').then(([code, signal]) => (code ?? signal) as number | NodeJS.Signals);
  const pid = child.pid ?? 0;
  const descendants = () => processesWith(mark).filter((found) => found !== pid);
  return {
    pid,
    output: () => written,
    ended,
    descendants,
    async [Symbol.asyncDispose]() {
      for (const descendant of descendants()) kill(descendant);
      child.kill('SIGKILL');
      await ended;
      await until(() => descendants().length === 0);
    },
  };
}

/** Waits until it sleeps in a system call. */
export async function untilAsleep({ pid }: { readonly pid: number }): Promise<void> {
  await until(() => isAsleep(pid));
}
