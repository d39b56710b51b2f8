import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import { execdClient } from './execd-client.ts';
import type { ExecdClient } from './execd-client.ts';
import { withLauncher } from './launcher.ts';

/** The program file of the build. */
export const BUILT_EXECD = join(import.meta.dirname, '..', '..', 'dist', 'main.cjs');

/** The built execd as a process of its own, as users run it. */
export interface ExecdProcess extends AsyncDisposable {
  readonly pid: number;
  /** Every line of stdout so far, parsed. */
  readonly log: readonly Record<string, unknown>[];
  readonly stderr: string;
  /** Resolves with the first log line that satisfies the condition, past or future. */
  logged(condition: (line: Record<string, unknown>) => boolean): Promise<Record<string, unknown>>;
  kill(signal: NodeJS.Signals): void;
  /** Exit code, or the signal's name. */
  readonly ended: Promise<number | string>;
}

/**
 * Starts the build with these arguments, in this directory; nothing is waited for. A wrapper is a program with arguments
 * that runs what follows them, in its own place.
 */
export function startExecdProcess(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>> = process.env,
  workingDirectory?: string,
  wrapper: readonly string[] = [],
): ExecdProcess {
  const [file = '', ...rest] = [...wrapper, process.execPath, BUILT_EXECD, ...withLauncher(args)];
  const child = spawn(file, rest, {
    cwd: workingDirectory,
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const log: Record<string, unknown>[] = [];
  const waiting: ((line: Record<string, unknown>) => void)[] = [];
  let stderr = '';
  createInterface(child.stdout).on('line', (line) => {
    const parsed = JSON.parse(line.startsWith('{') ? line : JSON.stringify({ text: line })) as Record<
      string,
      unknown
    >;
    log.push(parsed);
    for (const tell of waiting) tell(parsed);
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const ended = once(child, 'close').then(
    ([code, signal]: (number | string | null)[]) => code ?? signal ?? '',
  );
  return {
    pid: child.pid ?? 0,
    log,
    get stderr() {
      return stderr;
    },
    logged: (condition) =>
      new Promise((resolve) => {
        const past = log.find(condition);
        if (past) resolve(past);
        else waiting.push((line) => condition(line) && resolve(line));
      }),
    kill: (signal) => void child.kill(signal),
    ended,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

/**
 * Starts it on a free port of 127.0.0.1, unless the arguments name another, and waits until it listens. Rejects with
 * what it said when it ends instead.
 */
export async function startListening(
  args: readonly string[] = [],
  environment: Readonly<Record<string, string | undefined>> = process.env,
  workingDirectory?: string,
  wrapper: readonly string[] = [],
): Promise<ExecdProcess & ExecdClient> {
  const execd = startExecdProcess(
    ['--host', '127.0.0.1', '--port', '0', ...args],
    environment,
    workingDirectory,
    wrapper,
  );
  const failed = execd.ended.then((ending) => {
    throw new Error(`execd ended with ${ending}: ${execd.stderr}${JSON.stringify(execd.log.at(-1))}`);
  });
  const line = await Promise.race([execd.logged(({ msg }) => msg === 'execd listening'), failed]);
  return Object.assign(execd, execdClient(`http://127.0.0.1:${String(line['port'])}`));
}
