import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import nodeFlags from '@pod-agent/execd/node-flags.json' with { type: 'json' };
import { z } from 'zod';
import { MARK_VARIABLE, killMarkedProcesses } from './marked-processes.ts';

/** An execd that does not answer after this is given up, ms. */
const START_DEADLINE_MS = 15_000;
/** How long execd may take to end after SIGTERM before it is killed, ms. */
const END_GRACE_MS = 5_000;

/** What one execd is started with. */
export interface ExecdSpec {
  /** Its working directory, which exists and is no other execd's. */
  readonly cwd: string;
  /** Its whole environment. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** 0 for any. */
  readonly port: number;
  /** Takes every line that it logs. */
  readonly onLogLine: (line: string) => void;
}

/** An execd that answers on 127.0.0.1. */
export interface ExecdProcess {
  readonly pid: number;
  readonly port: number;
  /** How it ended, in words: `exit code 1`, `signal SIGKILL`. Never rejects. */
  readonly ended: Promise<string>;
  /** SIGTERM, after 5 s SIGKILL; resolves when it and everything that its commands left running is gone. */
  end(): Promise<void>;
}

/** An execd that did not come up, with the last thing that it said. */
export class ExecdStartError extends Error {
  override readonly name = 'ExecdStartError';
}

/** Starts execd processes from one program file and knows those that are alive. */
export class ExecdLauncher {
  readonly #program: string;
  /** By the working directory, which marks what comes from it. */
  readonly #alive = new Map<string, ChildProcess>();

  constructor(program: string) {
    this.#program = program;
  }

  /** Resolves when execd answers /ping. Rejects with an ExecdStartError; nothing is left running then. */
  async start(spec: ExecdSpec): Promise<ExecdProcess> {
    const child = spawn(process.execPath, [...nodeFlags, this.#program, ...flagsFor(spec)], {
      cwd: spec.cwd,
      env: { ...spec.environment, [MARK_VARIABLE]: spec.cwd },
      // Ctrl-C in a terminal reaches the foreground group: execd is ended by us, in order, not by the terminal.
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#alive.set(spec.cwd, child);
    const ended = endingOf(child);
    const end = async () => {
      await endChild(child, ended);
      killMarkedProcesses(spec.cwd);
      this.#alive.delete(spec.cwd);
    };
    try {
      const port = await listeningPort(child, spec.onLogLine);
      await answersPing(port);
      // With a port it was started, and so it has a pid.
      return { pid: child.pid ?? 0, port, ended, end };
    } catch (error) {
      await end();
      throw error;
    }
  }

  /** Kills everything that was not ended, at once. For the last moment of this process. */
  killAll(): void {
    for (const [mark, child] of this.#alive) {
      child.kill('SIGKILL');
      killMarkedProcesses(mark);
    }
  }
}

/** Flags beat the environment, in which somebody may have a token or a log file for another execd. */
function flagsFor({ port }: ExecdSpec): string[] {
  return [
    '--host',
    '127.0.0.1',
    '--port',
    String(port),
    '--access-token',
    '',
    '--log-file',
    '',
    '--log-output',
    'stdout',
  ];
}

function endingOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(signal === null ? `exit code ${code}` : `signal ${signal}`));
  });
}

async function endChild(child: ChildProcess, ended: Promise<string>): Promise<void> {
  child.kill('SIGTERM');
  using _kill = setTimeout(() => child.kill('SIGKILL'), END_GRACE_MS);
  await ended;
}

const listeningLine = z.object({ msg: z.literal('execd listening'), port: z.int() });
const logLine = z.object({ msg: z.string(), error: z.string().optional() });

/** The port as execd logs it: with port 0 nobody else knows it. */
async function listeningPort(child: ChildProcess, onLogLine: (line: string) => void): Promise<number> {
  const listening = Promise.withResolvers<number>();
  let lastWords = 'it said nothing';
  const follow = (line: string) => {
    onLogLine(line);
    const entry = parseJson(line);
    const { data } = listeningLine.safeParse(entry);
    if (data) listening.resolve(data.port);
    lastWords = wordsOf(entry) ?? line;
  };
  for (const stream of [child.stdout, child.stderr]) {
    if (stream) createInterface({ input: stream }).on('line', follow);
  }
  // Not `exit`: its last words may still be in the pipe then.
  child.once('close', () =>
    listening.reject(new ExecdStartError(`execd ended while starting: ${lastWords}`)),
  );
  using _deadline = setTimeout(
    () => listening.reject(new ExecdStartError(`execd does not listen: ${lastWords}`)),
    START_DEADLINE_MS,
  );
  return await listening.promise;
}

function wordsOf(entry: unknown): string | undefined {
  const { data } = logLine.safeParse(entry);
  if (!data) return undefined;
  const reason = data.error?.split('\n', 1)[0];
  return reason === undefined ? data.msg : `${data.msg}: ${reason}`;
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    // A crash speaks plain text.
    return undefined;
  }
}

async function answersPing(port: number): Promise<void> {
  const url = `http://127.0.0.1:${port}/ping`;
  try {
    const signal = AbortSignal.timeout(START_DEADLINE_MS);
    const { ok, status } = await fetch(url, { signal, headers: { connection: 'close' } });
    if (!ok) throw new ExecdStartError(`execd answers ${url} with ${status}`);
  } catch (error) {
    if (error instanceof ExecdStartError) throw error;
    throw new ExecdStartError(`execd does not answer ${url}: ${String(error)}`, { cause: error });
  }
}
