import type { IncomingMessage, ServerResponse } from 'node:http';
import express from 'express';
import type { Express } from 'express';
import { ServiceError } from '../service-error.ts';
import { answerFailure } from './exchange.ts';
import type { Exchange } from './exchange.ts';
import type { Route } from './route.ts';

/**
 * Serves exchanges with these routes, on Express. Everything else is a JSON 404, HEAD and OPTIONS included, or a
 * redirect where only a slash at the end is wrong (contract §1.6); a path that cannot be percent-decoded is a 400.
 */
export function expressApp(routes: readonly Route[]): (exchange: Exchange) => void {
  const exchanges = new WeakMap<IncomingMessage, Exchange>();
  const app = mountRoutes(routes, (request) => {
    const exchange = exchanges.get(request);
    if (!exchange) throw new Error('Express passed on a request that it was not given');
    return exchange;
  });
  return (exchange) => {
    exchanges.set(exchange.request, exchange);
    app(exchange.request, exchange.response);
  };
}

function mountRoutes(routes: readonly Route[], exchangeOf: (request: IncomingMessage) => Exchange): Express {
  const app = express();
  app.disable('x-powered-by');
  app.set('query parser', false);
  app.enable('strict routing');
  app.enable('case sensitive routing');
  // Express would answer HEAD and OPTIONS for every route.
  app.use((request, _response, next) => {
    if (request.method === 'HEAD' || request.method === 'OPTIONS') refuse(exchangeOf(request));
    else next();
  });
  for (const entry of routes) {
    // The upper-case union in lower case is what Express names its methods.
    const method = entry.method.toLowerCase() as Lowercase<Route['method']>;
    app[method](entry.path, (request, _response) => entry.serve(exchangeOf(request), request.params));
  }
  app.use((request: express.Request, response: express.Response) => {
    const canonical = otherSlashForm(request.originalUrl);
    const known = routes.some((entry) => entry.method === request.method && matches(entry.path, canonical));
    if (known) redirect(request, response, canonical);
    else refuse(exchangeOf(request));
  });
  app.use(
    (error: unknown, request: express.Request, _response: express.Response, _next: express.NextFunction) => {
      // Express itself only throws for a path that cannot be percent-decoded.
      const reason = error instanceof Error ? error.message : String(error);
      answerFailure(
        exchangeOf(request),
        new ServiceError('invalid-argument', 'INVALID_REQUEST', reason, { cause: error }),
      );
    },
  );
  return app;
}

function refuse(exchange: Exchange): void {
  answerFailure(exchange, new ServiceError('not-found', 'NOT_FOUND', '404 page not found'));
}

/** The URL with a slash added to or taken from the end of its path. */
function otherSlashForm(url: string): string {
  const [path = '', ...query] = url.split('?');
  const other = path.endsWith('/') ? path.slice(0, -1) : `${path}/`;
  return [other, ...query].join('?');
}

function matches(routePath: string, url: string): boolean {
  const pattern = routePath.replaceAll(/:\w+/g, '[^/]+');
  return new RegExp(`^${pattern}$`).test(url.split('?', 1)[0] ?? '');
}

/** 301 for GET, else 307, which keeps method and body. */
function redirect(request: IncomingMessage, response: ServerResponse, location: string): void {
  const body = JSON.stringify({ code: 'MOVED', message: `moved to ${location}` });
  response.writeHead(request.method === 'GET' ? 301 : 307, {
    Location: location,
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': Buffer.byteLength(body),
  });
  response.end(body);
}
