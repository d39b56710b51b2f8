import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, readdirSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import type { ClientRequest, IncomingMessage, RequestOptions } from 'node:http';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import nodeFlags from '../../node-flags.json' with { type: 'json' };
import { listen } from '@pod-agent/daemon-kit/http/listen';
import { actingAs } from '../../src/as-user/acting-routes.ts';
import { UserWorkers } from '../../src/as-user/user-workers.ts';
import type { UserWorkersOptions } from '../../src/as-user/user-workers.ts';
import { FILE_WORKER_ARGUMENT } from '../../src/as-user/worker-command.ts';
import { frontDoor } from '../../src/http/front-door.ts';
import { probeRoutes } from './probe-routes.ts';
import type { WhoAmI } from './probe-routes.ts';
import { recordingLogger } from './recording-logger.ts';

const PROGRAM = [
  process.execPath,
  ...nodeFlags,
  '--conditions=source',
  join(import.meta.dirname, 'user-worker-program.ts'),
] as const;

/** The command line of a worker with the probe routes. */
export const PROBE_WORKER = [...PROGRAM, FILE_WORKER_ARGUMENT] as const;

/** A server with the probe routes that acts as other users. */
export interface ActingServer extends AsyncDisposable {
  readonly url: string;
  request(method: string, path: string, init?: RequestInit): Promise<Response>;
  whoAmI(query: string): Promise<WhoAmI>;
}

/** In this process; everything else as the options say. Disposing ends its workers. */
export async function startActingServer(
  options: Partial<UserWorkersOptions> = {},
): Promise<ActingServer & { readonly workers: UserWorkers; readonly lines: Record<string, unknown>[] }> {
  const { log, lines } = recordingLogger();
  const workers = new UserWorkers({
    program: PROBE_WORKER,
    environment: process.env,
    directories: ['/tmp'],
    log,
    ...options,
  });
  const routes = actingAs(workers, probeRoutes());
  const listener = await listen(
    { host: '127.0.0.1', port: 0, graceMs: 0 },
    frontDoor({ routes, checkAccess: () => undefined, log }),
  );
  return {
    ...client(listener.port),
    workers,
    lines,
    async [Symbol.asyncDispose]() {
      await workers[Symbol.asyncDispose]();
      await listener[Symbol.asyncDispose]();
    },
  };
}

/** In a process of its own, which a uid makes that user's. Disposing kills it. */
export async function startActingProcess(
  uid?: number,
): Promise<ActingServer & { readonly pid: number; kill(): Promise<void> }> {
  const [file, ...args] = PROGRAM;
  const child = spawn(file, [...args, '--serve', ...(uid === undefined ? [] : [String(uid)])], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'close');
  const [port] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  const kill = async () => {
    child.kill('SIGKILL');
    await ended;
  };
  return { ...client(Number(port)), pid: child.pid ?? 0, kill, [Symbol.asyncDispose]: kill };
}

function client(port: number): Pick<ActingServer, 'url' | 'request' | 'whoAmI'> {
  const url = `http://127.0.0.1:${port}`;
  const request = (method: string, path: string, init: RequestInit = {}) =>
    fetch(url + path, {
      ...init,
      method,
      headers: new Headers([['connection', 'close'], ...new Headers(init.headers).entries()]),
    });
  return {
    url,
    request,
    whoAmI: async (query) => (await (await request('GET', `/whoami?${query}`)).json()) as WhoAmI,
  };
}

/** A request of node:http, for what fetch does not show; the answer comes when its headers are there. */
export function rawRequest(
  url: string,
  options: RequestOptions,
): { request: ClientRequest; answer: Promise<IncomingMessage> } {
  const request = httpRequest(url, { agent: false, ...options });
  const answer = new Promise<IncomingMessage>((resolve, reject) => {
    request.once('response', resolve);
    request.on('error', reject);
  });
  answer.catch(() => undefined);
  return { request, answer };
}

/** The whole body as text. */
export async function textOf(answer: AsyncIterable<Buffer>): Promise<string> {
  let text = '';
  for await (const chunk of answer) text += chunk.toString();
  return text;
}

/** The file workers that this process has, or another one. */
export function workersOf(pid: number | 'self' = 'self'): number[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
    readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8')
      .split(' ')
      .filter(Boolean)
      .map(Number)
      .filter((child) => readFileSync(`/proc/${child}/cmdline`, 'utf8').includes(FILE_WORKER_ARGUMENT)),
  );
}

/** The most memory that a process ever had, MB. */
export function peakMemory(pid: number): number {
  return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1_024;
}
