import type { IncomingMessage, ServerResponse } from 'node:http';
import { answerFailure, openExchange } from '@pod-agent/daemon-kit/http/exchange';
import type { Exchange } from '@pod-agent/daemon-kit/http/exchange';
import type { Route } from '@pod-agent/daemon-kit/http/route';
import type { Logger } from '@pod-agent/daemon-kit/log';
import type { AccessCheck } from './access-token.ts';

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
export function frontDoor(
  options: FrontDoorOptions,
): (request: IncomingMessage, response: ServerResponse) => void {
  const hotRoutes = new Map(
    options.routes.filter(({ hot }) => hot).map((entry) => [`${entry.method} ${entry.path}`, entry]),
  );
  let loading: Promise<(exchange: Exchange) => void> | undefined;
  return (request, response) => {
    const exchange = openExchange(request, response, options.log);
    try {
      options.checkAccess(request);
    } catch (error) {
      answerFailure(exchange, error);
      return;
    }
    const hot = hotRoutes.get(`${request.method} ${pathOf(request.url ?? '')}`);
    if (hot) {
      void hot.serve(exchange, {});
      return;
    }
    loading ??= loadExpress(options.routes);
    void loading.then((serve) => serve(exchange));
  };
}

function pathOf(url: string): string {
  const end = url.indexOf('?');
  return end < 0 ? url : url.slice(0, end);
}

async function loadExpress(routes: readonly Route[]): Promise<(exchange: Exchange) => void> {
  const { expressApp } = await import('@pod-agent/daemon-kit/http/express-app');
  return expressApp(routes);
}
