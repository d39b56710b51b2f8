import type { IncomingMessage, ServerResponse } from 'node:http';
import express from 'express';
import type { Express } from 'express';
import type { Logger } from '../log.ts';
import { ServiceError } from '../service-error.ts';
import { answerFailure } from './route.ts';
import type { Exchange, Route } from './route.ts';

/** The exchange of a request that just arrived. Its log line is written when the answer is out or the client left. */
export function openExchange(request: IncomingMessage, response: ServerResponse, log: Logger): Exchange {
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

/**
 * Serves exchanges with these routes, on Express. Everything else is a JSON 404, HEAD and OPTIONS included; a path that
 * cannot be percent-decoded is a 400.
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
  app.use((request: express.Request, _response: express.Response) => refuse(exchangeOf(request)));
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
