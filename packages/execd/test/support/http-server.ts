import { listen } from '@pod-agent/daemon-kit/http/listen';
import type { Reply } from '@pod-agent/daemon-kit/http/reply';
import type { Route } from '@pod-agent/daemon-kit/http/route';
import { route } from '@pod-agent/daemon-kit/http/route';
import { silentLogger } from '@pod-agent/daemon-kit/log';
import { frontDoor } from '../../src/http/front-door.ts';

/** A server on a port of its own. Disposing it cuts what is still open. */
export interface HttpServer extends AsyncDisposable {
  readonly url: string;
}

/** Serves these routes alone. */
export async function serveRoutes(routes: readonly Route[]): Promise<HttpServer> {
  const listener = await listen(
    { host: '127.0.0.1', port: 0, graceMs: 0 },
    frontDoor({ routes, checkAccess: () => undefined, log: silentLogger }),
  );
  return {
    url: `http://127.0.0.1:${listener.port}`,
    [Symbol.asyncDispose]: () => listener[Symbol.asyncDispose](),
  };
}

/** Answers every GET / with what is made for it. */
export function serveReply(reply: () => Reply): Promise<HttpServer> {
  const only = route({
    method: 'GET',
    path: '/',
    tag: 'Test',
    summary: '',
    hot: true,
    responses: {},
    handle: reply,
  });
  return serveRoutes([only]);
}
