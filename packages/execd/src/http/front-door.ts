import type { IncomingMessage, ServerResponse } from 'node:http';
import express from 'express';
import type { Express } from 'express';
import { answerFailure } from '@pod-agent/daemon-kit/http/route';
import type { Exchange, Route } from '@pod-agent/daemon-kit/http/route';
import type { Logger } from '@pod-agent/daemon-kit/log';
import { ServiceError } from '@pod-agent/daemon-kit/service-error';
import type { AccessCheck } from './access-token.ts';

export interface FrontDoorOptions {
  routes: readonly Route[];
  checkAccess: AccessCheck;
  log: Logger;
}

/**
 * What sees every request first: its log line, the access token, the routes that are hot, then Express with all routes.
 * Hot routes are answered here because a command's fixed cost counts: Express adds some 90 µs a request.
 */
export function frontDoor(options: FrontDoorOptions): (request: IncomingMessage, response: ServerResponse) => void {
  const hotRoutes = new Map(options.routes.filter(({ hot }) => hot).map((entry) => [`${entry.method} ${entry.path}`, entry]));
  const app = expressApp(options.routes, options.log);
  return (request, response) => {
    const exchange = openExchange(request, response, options.log);
    try {
      options.checkAccess(request);
    } catch (error) {
      answerFailure(exchange, error);
      return;
    }
    const hot = hotRoutes.get(`${request.method} ${request.url}`);
    if (hot) void hot.serve(exchange, {});
    else app(request, response);
  };
}

const EXCHANGES = new WeakMap<IncomingMessage, Exchange>();

function openExchange(request: IncomingMessage, response: ServerResponse, log: Logger): Exchange {
  const startedAt = performance.now();
  const exchange: Exchange = { request, response, notes: {}, log };
  EXCHANGES.set(request, exchange);
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

function expressApp(routes: readonly Route[], log: Logger): Express {
  const app = express();
  app.disable('x-powered-by');
  app.set('query parser', false);
  app.enable('strict routing');
  app.enable('case sensitive routing');
  // Express would answer HEAD and OPTIONS for every route; the contract routes neither (§1.6).
  app.use((request, response, next) => {
    if (request.method === 'HEAD' || request.method === 'OPTIONS') refuse(request, response, log);
    else next();
  });
  for (const entry of routes) {
    const method = entry.method.toLowerCase() as Lowercase<Route['method']>;
    app[method](entry.path, (request, response) => entry.serve(exchangeOf(request, response, log), request.params));
  }
  app.use((request: express.Request, response: express.Response) => {
    const canonical = otherSlashForm(request.originalUrl);
    if (routes.some((entry) => entry.method === request.method && matches(entry.path, canonical))) {
      redirect(request, response, canonical);
    } else {
      refuse(request, response, log);
    }
  });
  app.use((error: unknown, request: express.Request, response: express.Response, _next: express.NextFunction) => {
    // Express itself only throws for a path that cannot be percent-decoded.
    const reason = error instanceof Error ? error.message : String(error);
    const failure = new ServiceError('invalid-argument', 'INVALID_REQUEST', reason, { cause: error });
    answerFailure(exchangeOf(request, response, log), failure);
  });
  return app;
}

function exchangeOf(request: IncomingMessage, response: ServerResponse, log: Logger): Exchange {
  return EXCHANGES.get(request) ?? { request, response, notes: {}, log };
}

function refuse(request: IncomingMessage, response: ServerResponse, log: Logger): void {
  answerFailure(exchangeOf(request, response, log), new ServiceError('not-found', 'NOT_FOUND', '404 page not found'));
}

/** The URL with a slash added to or taken from the end of its path. */
function otherSlashForm(url: string): string {
  const [path = '', ...query] = url.split('?');
  const other = path.endsWith('/') ? path.slice(0, -1) : `${path}/`;
  return [other, ...query].join('?');
}

function matches(routePath: string, url: string): boolean {
  const pattern = routePath.replace(/:\w+/g, '[^/]+');
  return new RegExp(`^${pattern}$`).test(url.split('?', 1)[0] ?? '');
}

/** A known route with a slash too many or too few (contract §1.6). */
function redirect(request: IncomingMessage, response: ServerResponse, location: string): void {
  const body = JSON.stringify({ code: 'MOVED', message: `moved to ${location}` });
  response.writeHead(request.method === 'GET' ? 301 : 307, {
    Location: location,
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': Buffer.byteLength(body),
  });
  response.end(body);
}
