import { once } from 'node:events';
import { stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { Route } from '@pod-agent/daemon-kit/http/route';
import { createLogger } from '@pod-agent/daemon-kit/log';
import type { Logger } from '@pod-agent/daemon-kit/log';
import { frontDoor } from '../http/front-door.ts';
import { IdentityError, becomeUser } from '../os/user-identity.ts';
import { READY, REFUSED, readOrder } from './worker-command.ts';

/** How long requests that run when the worker is to end may go on, ms. */
const END_GRACE_MS = 1_000;
/** How long they may take to end once they are aborted, ms. Together less than the daemon waits before it kills. */
const ABORT_GRACE_MS = 500;
/** As many as there may be clients of the daemon. */
const BACKLOG = 1_024;
/** The limit for clients and what forwarding may add. */
const MAX_HEADER_BYTES = (1_024 + 16) * 1_024;

/** What a worker serves. Disposing it ends the answers that would go on for ever. */
export interface WorkerContent extends AsyncDisposable {
  readonly routes: readonly Route[];
}

/**
 * The whole life of a worker process: it builds what it serves and binds its socket as the user that it was started by,
 * becomes the user of its order for good, says so, and serves until its stdin closes or SIGTERM comes. Everything that
 * it loads is loaded before: the program's files need not be readable for that user.
 */
export async function serveAsUser(
  args: readonly string[],
  build: (settings: readonly string[], log: Logger) => WorkerContent,
): Promise<void> {
  const ending = endRequested();
  const { order, rest } = readOrder(args);
  const log = createLogger((line) => void process.stderr.write(line), 'warn');
  const content = build(rest, log);
  const running = new Set<Promise<void>>();
  const server = workerServer();
  await bind(server, order.socketPath);
  // Starts the threads that make file calls: they have to change with the process, and a limit on the user's processes
  // must not keep them from starting later.
  await stat('/');
  try {
    becomeUser(order.identity);
  } catch (error) {
    if (!(error instanceof IdentityError)) throw error;
    process.stdout.write(`${REFUSED}${error.message}\n`, () => process.exit(1));
    return;
  }
  const routes = content.routes.map((entry) => tracked(entry, running));
  server.on('request', frontDoor({ routes, checkAccess: () => undefined, log }));
  process.stdout.write(`${READY}\n`);
  await ending;
  server.close();
  server.closeIdleConnections();
  await content[Symbol.asyncDispose]();
  await Promise.race([Promise.all(running), delay(END_GRACE_MS)]);
  // What is still on is aborted, and takes back what it has half done.
  server.closeAllConnections();
  await Promise.race([Promise.all(running), delay(ABORT_GRACE_MS)]);
  process.exit(0);
}

function endRequested(): Promise<unknown> {
  process.stdin.on('error', () => undefined).resume();
  const signals = ['SIGTERM', 'SIGINT', 'SIGHUP'].map((signal) => once(process, signal));
  return Promise.race([once(process.stdin, 'close'), ...signals]);
}

/** As the daemon's own server: whoever is served here has passed that one. */
function workerServer(): Server {
  return createServer({
    maxHeaderSize: MAX_HEADER_BYTES,
    keepAliveTimeout: 0,
    requestTimeout: 0,
    headersTimeout: 0,
    requireHostHeader: false,
  });
}

async function bind(server: Server, path: string): Promise<void> {
  server.listen({ path, backlog: BACKLOG });
  await once(server, 'listening');
}

/** Found by method and path without Express, which would double the memory; what runs is remembered until it is over. */
function tracked(entry: Route, running: Set<Promise<void>>): Route {
  return {
    ...entry,
    hot: true,
    serve: (exchange, params) => {
      const work = entry.serve(exchange, params).finally(() => running.delete(work));
      running.add(work);
      return work;
    },
  };
}
