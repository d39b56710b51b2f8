import type { IncomingMessage, ServerResponse } from 'node:http';
import { answerFailure } from '@pod-agent/daemon-kit/http/route';
import type { Exchange, Route } from '@pod-agent/daemon-kit/http/route';
import type { Logger } from '@pod-agent/daemon-kit/log';
import type { AccessCheck } from './access-token.ts';
import type { RouteListener } from './express-app.ts';

export interface FrontDoorOptions {
  routes: readonly Route[];
  checkAccess: AccessCheck;
  log: Logger;
}

/**
 * What sees every request first: its log line, the access token, the hot routes, then Express with all the others. Hot
 * routes are answered here because the fixed cost of a command counts: Express adds some 90 µs to a request, and its
 * 6 MB of memory some 150 µs to every fork; so it is loaded with the first request that needs it.
 */
export function frontDoor(options: FrontDoorOptions): (request: IncomingMessage, response: ServerResponse) => void {
  const hotRoutes = new Map(
    options.routes.filter(({ hot }) => hot).map((entry) => [`${entry.method} ${entry.path}`, entry]),
  );
  let loading: Promise<RouteListener> | undefined;
  return (request, response) => {
    const exchange = openExchange(request, response, options.log);
    try {
      options.checkAccess(request);
    } catch (error) {
      answerFailure(exchange, error);
      return;
    }
    const hot = hotRoutes.get(`${request.method} ${request.url}`);
    if (hot) {
      void hot.serve(exchange, {});
      return;
    }
    loading ??= import('./express-app.ts').then(({ expressApp }) => expressApp(options.routes));
    void loading.then((listener) => listener(exchange));
  };
}

/** Every request gets one log line, when it is over. */
function openExchange(request: IncomingMessage, response: ServerResponse, log: Logger): Exchange {
  const startedAt = performance.now();
  const exchange: Exchange = { request, response, notes: {}, log };
  // Every stream needs an error listener; what went wrong shows in `close`.
  request.on('error', () => undefined);
  response.on('error', () => undefined);
  response.once('close', () => {
    log.info('request', {
      method: request.method,
      url: request.url,
      status: response.statusCode,
      ms: Math.round((performance.now() - startedAt) * 10) / 10,
      ...(response.writableFinished ? {} : { aborted: true }),
      ...exchange.notes,
    });
  });
  return exchange;
}
