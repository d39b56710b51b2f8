import type { IncomingMessage, ServerResponse } from 'node:http';
import express from 'express';
import { answerFailure } from '@pod-agent/daemon-kit/http/route';
import type { Exchange, Route } from '@pod-agent/daemon-kit/http/route';
import { ServiceError } from '@pod-agent/daemon-kit/service-error';

/** Serves one request. */
export type RouteListener = (exchange: Exchange) => void;

/** Express with these routes; everything else is a JSON 404, or a redirect where only a slash is wrong (contract §1.6). */
export function expressApp(routes: readonly Route[]): RouteListener {
  const exchanges = new WeakMap<IncomingMessage, Exchange>();
  const app = express();
  app.disable('x-powered-by');
  app.set('query parser', false);
  app.enable('strict routing');
  app.enable('case sensitive routing');
  const exchangeOf = (request: IncomingMessage): Exchange => {
    const exchange = exchanges.get(request);
    if (!exchange) throw new Error('Express got a request that did not come through the front door');
    return exchange;
  };
  const refuse = (request: IncomingMessage) => answerFailure(exchangeOf(request), notFound());

  // Express would answer HEAD and OPTIONS for every route by itself.
  app.use((request, _response, next) => {
    if (request.method === 'HEAD' || request.method === 'OPTIONS') refuse(request);
    else next();
  });
  for (const entry of routes) {
    const method = entry.method.toLowerCase() as Lowercase<Route['method']>;
    app[method](entry.path, (request) => entry.serve(exchangeOf(request), request.params));
  }
  app.use((request, response) => {
    const canonical = otherSlashForm(request.originalUrl);
    if (routes.some((entry) => entry.method === request.method && matches(entry.path, canonical))) {
      redirect(request, response, canonical);
    } else {
      refuse(request);
    }
  });
  // Express tells an error handler by its four parameters. It throws itself only for a path that cannot be decoded.
  app.use((error: unknown, request: IncomingMessage, _response: ServerResponse, _next: () => void) => {
    const reason = error instanceof Error ? error.message : String(error);
    const failure = new ServiceError('invalid-argument', 'INVALID_REQUEST', reason, { cause: error });
    answerFailure(exchangeOf(request), failure);
  });
  return (exchange) => {
    exchanges.set(exchange.request, exchange);
    app(exchange.request, exchange.response);
  };
}

function notFound(): ServiceError {
  return new ServiceError('not-found', 'NOT_FOUND', '404 page not found');
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
