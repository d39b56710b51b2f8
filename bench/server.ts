import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { get } from 'node:http';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import nodeFlags from '@pod-agent/execd/node-flags.json' with { type: 'json' };
import { ballastVariables } from './ballast.ts';
import type { Launcher } from './launcher.ts';
import { countOpenFiles, findShim, readMemoryUsage } from './process-usage.ts';
import type { MemoryUsage } from './process-usage.ts';

const REPOSITORY = join(import.meta.dirname, '..');
/** The pinned Node, which runs the daemons. */
export const NODE = join(REPOSITORY, 'node_modules', '.bin', 'node');
const SERVER_MAIN = join('packages', 'execd', 'dist', 'main.cjs');
const READY_WITHIN_MS = 10_000;
const POLL_MS = 20;
const RESTING_AFTER_MS = 500;
const SETTLE_WITHIN_MS = 3_000;
const STOP_GRACE_MS = 5_000;
const KEPT_STDERR_CHARACTERS = 2_000;
const MEBIBYTE = 1024 * 1024;

/** How the server to measure differs from one without options. */
export interface ServerOptions {
  /** Undefined to leave the choice to the server. */
  readonly launcher?: Launcher | undefined;
  /** MiB of memory that the server holds from its start, beside its own. */
  readonly ballastMb?: number;
}

/** Starts the server to measure and resolves once it answers. Rejects when it has not the launcher or the ballast. */
export async function startServer(
  environment: NodeJS.ProcessEnv,
  signal: AbortSignal,
  { launcher, ballastMb = 0 }: ServerOptions = {},
): Promise<ServerUnderTest> {
  const variables = { ...environment, ...ballastVariables(ballastMb) };
  const server = await startOnFreePort((port) => launch(port, launcher, variables), signal);
  const hasShim = server.shimPid !== undefined;
  const isHeavy = readMemoryUsage(server.pid).residentBytes >= ballastMb * MEBIBYTE;
  if ((launcher === undefined || hasShim === (launcher === 'shim')) && isHeavy) return server;
  await server.stop();
  if (!isHeavy) throw new Error('the server took no ballast: it is no Node program');
  throw new Error(`the server was asked for --launcher ${launcher} and has ${hasShim ? 'a' : 'no'} shim`);
}

/** Starts a process that listens on a given port of 127.0.0.1; resolves once GET /ping answers 200. */
export async function startOnFreePort(
  launchOn: (port: number) => ChildProcess,
  signal: AbortSignal,
): Promise<ServerUnderTest> {
  const port = await findFreePort();
  const server = new ServerUnderTest(launchOn(port), port);
  try {
    await server.waitUntilReady(signal);
    return server;
  } catch (error) {
    await server.stop();
    throw error;
  }
}

/** A running server process, and its shim if it has one; disposing it stops it. */
export class ServerUnderTest implements AsyncDisposable {
  readonly pid: number;
  readonly port: number;
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;
  #stderr = '';
  #shimPid: number | undefined;

  constructor(child: ChildProcess, port: number) {
    this.port = port;
    this.#child = child;
    this.#exited = new Promise((resolve) => child.once('exit', resolve).once('error', resolve));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-KEPT_STDERR_CHARACTERS);
    });
    if (child.pid === undefined) throw new Error(`cannot start ${child.spawnfile}`);
    this.pid = child.pid;
  }

  /** Rejects with what the server wrote to stderr if it does not become ready. */
  async waitUntilReady(signal: AbortSignal): Promise<void> {
    const deadline = performance.now() + READY_WITHIN_MS;
    while (!(await answersPing(this.port))) {
      signal.throwIfAborted();
      if (this.#hasEnded()) throw new Error(`the server ended at its start: ${this.#stderr.trim()}`);
      if (performance.now() > deadline)
        throw new Error(`the server did not answer /ping: ${this.#stderr.trim()}`);
      await delay(POLL_MS);
    }
    this.#shimPid = await findShim(this.pid);
  }

  /** The process that starts the server's commands; undefined when the server does so itself. */
  get shimPid(): number | undefined {
    return this.#shimPid;
  }

  /** Of the server and its shim together; throws if one of them has ended. */
  memoryUsage(): MemoryUsage {
    const usages = this.#pids().map(readMemoryUsage);
    return {
      residentBytes: sum(usages.map((usage) => usage.residentBytes)),
      peakResidentBytes: sum(usages.map((usage) => usage.peakResidentBytes)),
    };
  }

  /** Open file descriptors of server and shim, left alone: half a second is for connections to go away. */
  async restingFileCount(): Promise<number> {
    await delay(RESTING_AFTER_MS);
    return await this.#fileCount();
  }

  /** Open file descriptors of server and shim as soon as they are back at `before`, at the latest after 3 s. */
  async fileCountAfterLoad(before: number): Promise<number> {
    const deadline = performance.now() + SETTLE_WITHIN_MS;
    let count = await this.#fileCount();
    while (count > before && performance.now() < deadline) {
      await delay(POLL_MS);
      count = await this.#fileCount();
    }
    return count;
  }

  /** SIGTERM, then SIGKILL after 5 s; resolves when the process is gone. */
  async stop(): Promise<void> {
    if (this.#hasEnded()) return;
    this.#child.kill('SIGTERM');
    using _killTimer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_GRACE_MS);
    await this.#exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  #pids(): number[] {
    return this.#shimPid === undefined ? [this.pid] : [this.pid, this.#shimPid];
  }

  async #fileCount(): Promise<number> {
    return sum(await Promise.all(this.#pids().map(countOpenFiles)));
  }
}

/**
 * EXECD_BENCH_SERVER, a shell command with %PORT% and %LAUNCHER% in it, takes the place of the built server. One
 * without %LAUNCHER% is asked for no launcher, and has to start its commands itself.
 */
function launch(port: number, launcher: Launcher | undefined, environment: NodeJS.ProcessEnv): ChildProcess {
  const stdio: ['ignore', 'ignore', 'pipe'] = ['ignore', 'ignore', 'pipe'];
  const replacement = process.env['EXECD_BENCH_SERVER'];
  if (replacement !== undefined) {
    const command = replacement
      .replaceAll('%PORT%', String(port))
      .replaceAll('%LAUNCHER%', launcher ?? 'auto');
    return spawn('/bin/sh', ['-c', `exec ${command}`], { env: environment, stdio });
  }
  const main = join(REPOSITORY, SERVER_MAIN);
  if (!existsSync(main)) throw new Error(`${SERVER_MAIN} is missing, run \`npm run build\` first`);
  const flags = ['--host', '127.0.0.1', '--port', String(port), '--log-level', '3'];
  if (launcher !== undefined) flags.push('--launcher', launcher);
  return spawn(NODE, [...nodeFlags, main, ...flags], { env: environment, stdio });
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

async function findFreePort(): Promise<number> {
  const listener = createServer().listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const address = listener.address();
  listener.close();
  await once(listener, 'close');
  if (address === null || typeof address === 'string') throw new Error('no TCP port is free');
  return address.port;
}

/** On a connection of its own, so that no idle one is left among the server's file descriptors. */
function answersPing(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const request = get({ host: '127.0.0.1', port, path: '/ping', agent: false }, (response) => {
      response.resume();
      response.once('close', () => resolve(response.statusCode === 200));
    });
    request.once('error', () => resolve(false));
  });
}
