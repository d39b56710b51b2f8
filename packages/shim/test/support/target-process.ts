import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, readdirSync } from 'node:fs';
import { eventually } from './eventually.ts';
import { stateOf } from './process-picture.ts';

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
      for (const descendant of descendants()) process.kill(descendant, 'SIGKILL');
      child.kill('SIGKILL');
      await ended;
      await eventually(() => descendants().length === 0, 'all that came from the target ends');
    },
  };
}

/** Waits until it sleeps in a system call. */
export async function untilAsleep({ pid }: { readonly pid: number }): Promise<void> {
  await eventually(() => stateOf(pid) === 'S', 'the target waits');
}

function processesWith(variable: string): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0 && hasVariable(pid, variable));
}

/** A zombie has no environment any more. */
function hasVariable(pid: number, variable: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(variable);
  } catch {
    return false;
  }
}
