import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';

/** How long a process may take to end by itself before it is killed, ms. */
const END_GRACE_MS = 2_000;
/** What is kept of one piece of stderr, characters. */
const COMPLAINT_LIMIT = 4_096;

/** A program that serves until its stdin closes and says one line on stdout when it has begun. */
export interface UserProcessSpec {
  /** The command line; the first is the file to execute, an absolute path. */
  readonly program: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** Takes what it writes to stderr, in pieces of at most 4,096 characters. */
  readonly onComplaint: (text: string) => void;
}

/** A process that runs. It ends with this one, however that ends: its stdin closes. */
export interface UserProcess {
  readonly pid: number | undefined;
  /** Its first line on stdout. Rejects when it ends without one. */
  readonly announcement: Promise<string>;
  /** How it ended, in words: `exit code 1`, `signal SIGKILL`. Never rejects. */
  readonly ended: Promise<string>;
  /** Closes its stdin and sends SIGTERM, after 2 s SIGKILL; resolves when it is gone. */
  end(): Promise<void>;
  /** Sends SIGKILL. */
  kill(): void;
}

/** Starts the program in a session of its own, so that a Ctrl-C in a terminal reaches only this process. */
export function startUserProcess(spec: UserProcessSpec): UserProcess {
  const [file = '', ...args] = spec.program;
  // Without descriptors left it comes without streams, which the narrower type of spawn() does not tell.
  const child: ChildProcess = spawn(file, args, {
    env: spec.environment,
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  // A write to a process that has ended fails; its ending tells more.
  child.stdin?.on('error', () => undefined);
  child.stderr?.on('data', (chunk: Buffer) => {
    spec.onComplaint(chunk.toString().trimEnd().slice(0, COMPLAINT_LIMIT));
  });
  const ended = endingOf(child);
  const announcement = firstLine(child, ended);
  // Whoever needs it looks at it; a process may end before anybody does.
  announcement.catch(() => undefined);
  return {
    pid: child.pid,
    announcement,
    ended,
    kill: () => void child.kill('SIGKILL'),
    end: async () => {
      child.stdin?.end();
      child.kill('SIGTERM');
      using _kill = setTimeout(() => child.kill('SIGKILL'), END_GRACE_MS);
      await ended;
    },
  };
}

/** Not `exit`: its last words may still be in the pipe then. */
function endingOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    let failure: string | undefined;
    // A start that failed, or a signal that we may not send.
    child.on('error', (error) => {
      failure ??= error.message;
      if (child.pid === undefined) resolve(failure);
    });
    child.once('close', (code, signal) =>
      resolve(
        child.pid === undefined
          ? (failure ?? '')
          : signal === null
            ? `exit code ${code}`
            : `signal ${signal}`,
      ),
    );
  });
}

async function firstLine(child: ChildProcess, ended: Promise<string>): Promise<string> {
  const line = new Promise<string>((resolve) => {
    if (child.stdout) createInterface({ input: child.stdout }).once('line', resolve);
  });
  const first = await Promise.race([line, ended.then((ending) => new Error(ending))]);
  if (first instanceof Error) throw first;
  return first;
}
