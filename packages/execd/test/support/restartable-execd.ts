import { once } from 'node:events';
import { readFileSync, readdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { expect } from 'vitest';
import { launcherOf } from './capabilities.ts';
import { execdClient } from './execd-client.ts';
import type { ExecdClient } from './execd-client.ts';
import { startListening } from './execd-process.ts';
import type { ExecdProcess } from './execd-process.ts';
import { isAlive, kill, processesThatName } from './processes.ts';
import { temporaryDirectory } from './temporary-directory.ts';
import { until } from './until.ts';

/** The built execd on one port and in one TMPDIR, however often it is started. Disposing it ends all that came of it. */
export interface RestartableExecd extends ExecdClient, AsyncDisposable {
  /** TMPDIR of execd and of its commands, nobody else's. */
  readonly temporary: string;
  /** The process id of the execd that was started last. */
  readonly pid: number;
  /** SIGKILL to execd alone, in the middle of whatever it does. */
  crash(): Promise<void>;
  /** Starts another one with the same flags and environment. */
  start(): Promise<void>;
  /** `crash`, then `start`. */
  restart(): Promise<void>;
  /** SIGTERM: execd exits with 0, neither a launcher nor a command is left, nor anything in TMPDIR. */
  stop(): Promise<void>;
}

/** Starts it. */
export async function restartableExecd(flags: readonly string[] = []): Promise<RestartableExecd> {
  const directory = await temporaryDirectory();
  const port = await freePort();
  const environment = { ...process.env, TMPDIR: directory.path };
  const start = () => startListening(['--port', String(port), ...flags], environment);
  let current: ExecdProcess = await start();
  const client = execdClient(`http://127.0.0.1:${port}`);
  const crash = async () => {
    current.kill('SIGKILL');
    await current.ended;
  };
  return {
    ...client,
    temporary: directory.path,
    get pid() {
      return current.pid;
    },
    crash,
    start: async () => void (current = await start()),
    restart: async () => {
      await crash();
      current = await start();
    },
    stop: async () => {
      const { pid: shim } = await launcherOf(client);
      current.kill('SIGTERM');
      expect(await current.ended).toBe(0);
      await until(() => shim === undefined || !isAlive(shim));
      expect(processesThatName(directory.path)).toEqual([]);
      expect(readdirSync(directory.path)).toEqual([]);
    },
    async [Symbol.asyncDispose]() {
      await current[Symbol.asyncDispose]();
      await until(() => {
        const left = processesThatName(directory.path);
        for (const pid of left) kill(pid);
        return left.length === 0;
      });
      await directory[Symbol.asyncDispose]();
    },
  };
}

/**
 * A port that stays ours between two starts: below those that the system hands out, which any connection of a test that
 * runs at the same time could take meanwhile.
 */
export async function freePort(): Promise<number> {
  const [lowest = 32_768] = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8')
    .split(/\s+/)
    .map(Number);
  for (;;) {
    const port = 1024 + Math.floor(Math.random() * (lowest - 1024));
    const server = createServer().listen(port, '127.0.0.1');
    const isFree = await once(server, 'listening').then(
      () => true,
      () => false,
    );
    if (!isFree) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
}
