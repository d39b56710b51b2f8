import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The root of the repository, where the printed lines work. */
const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url));

const PROGRAM = `${REPOSITORY}packages/dev-pod/dist/main.cjs`;
/** The headline and the three lines to paste. */
const WELCOME_LINES = 4;

/** How a program ended and everything that it wrote. */
export interface Ended {
  /** The exit code, or the signal. */
  readonly exit: number | NodeJS.Signals;
  readonly stdout: string;
  readonly stderr: string;
}

/** A dev-pod process from the build, on free ports. Disposing it ends it with SIGTERM. */
export interface DevPod extends AsyncDisposable {
  readonly pid: number;
  /** Host and port of the lifecycle endpoint, as SDKs take it. */
  readonly domain: string;
  /** Base URL of the execd that runs from the start. */
  readonly execdUrl: string;
  /** What it printed when it was ready: the headline, then the lines to paste. */
  readonly welcome: readonly string[];
  readonly ended: Promise<Ended>;
  signal(signal: NodeJS.Signals): void;
}

/** What a test may set for a dev-pod process. */
export interface DevPodOptions {
  readonly flags?: readonly string[];
  /** Instead of the test's own. */
  readonly environment?: NodeJS.ProcessEnv;
}

/** Starts dev-pod and waits until it is ready. Rejects with what it said when it ends instead. */
export async function startDevPod({
  flags = [],
  environment = process.env,
}: DevPodOptions = {}): Promise<DevPod> {
  const child = spawnDevPod(['--port', '0', '--execd-port', '0', ...flags], environment);
  const ended = readToEnd(child);
  const welcome = await Promise.race([
    readLines(child, WELCOME_LINES),
    ended.then(({ stderr }) => Promise.reject(new Error(`dev-pod did not start: ${stderr}`))),
  ]);
  const [execdUrl = '', lifecycleUrl = ''] = welcome[0]?.match(/http:\/\/[\d.]+:\d+/g) ?? [];
  return {
    pid: child.pid ?? 0,
    domain: lifecycleUrl.replace('http://', ''),
    execdUrl,
    welcome,
    ended,
    signal: (signal) => void child.kill(signal),
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM');
      await ended;
    },
  };
}

/** Runs dev-pod to its own end. */
export function runDevPod(
  flags: readonly string[],
  environment: NodeJS.ProcessEnv = process.env,
): Promise<Ended> {
  return readToEnd(spawnDevPod(flags, environment));
}

/** Runs a line in bash, in the root of the repository. */
export function runInBash(line: string): Promise<Ended> {
  return readToEnd(spawn('bash', ['-c', line], { cwd: REPOSITORY, stdio: ['ignore', 'pipe', 'pipe'] }));
}

/** Whether a process is there and is not just waiting to be reaped. */
export function isAlive(pid: number): boolean {
  try {
    const state = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.[0];
    return state !== 'Z' && state !== 'X';
  } catch {
    // No such process.
    return false;
  }
}

function spawnDevPod(flags: readonly string[], environment: NodeJS.ProcessEnv): ChildProcess {
  if (!existsSync(PROGRAM)) throw new Error('there is no build to test: run npm run build');
  return spawn(process.execPath, [PROGRAM, ...flags], {
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

async function readToEnd(child: ChildProcess): Promise<Ended> {
  const written = { stdout: '', stderr: '' };
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (written.stdout += text));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (written.stderr += text));
  // `close` comes with the exit code or, when there is none, the signal.
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals];
  return { exit: code ?? signal, ...written };
}

function readLines(child: ChildProcess, count: number): Promise<string[]> {
  return new Promise((resolve) => {
    let text = '';
    child.stdout?.on('data', (chunk: string) => {
      text += chunk;
      const lines = text.split('\n');
      if (lines.length > count) resolve(lines.slice(0, count));
    });
  });
}
