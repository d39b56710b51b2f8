import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from '../log.ts';
import { ServiceError } from '../service-error.ts';
import { errorBody, sendError } from './error-response.ts';

/** One request with its answer and the fields that its log line gets. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly notes: Record<string, unknown>;
  readonly log: Logger;
}

/** The exchange of a request that just arrived. Its log line is written when the answer is out or the client left. */
export function openExchange(request: IncomingMessage, response: ServerResponse, log: Logger): Exchange {
  const exchange: Exchange = { request, response, notes: {}, log };
  // Every stream needs an error listener; what went wrong shows in `close`.
  request.on('error', ignore);
  response.on('error', ignore);
  if (log.isOn('info')) logAtEnd(exchange);
  return exchange;
}

function ignore(): void {}

function logAtEnd({ request, response, notes, log }: Exchange): void {
  const startedAt = performance.now();
  response.once('close', () => {
    log.info('request', {
      method: request.method,
      url: request.url,
      status: response.statusCode,
      ms: Math.round((performance.now() - startedAt) * 10) / 10,
      ...(response.writableFinished ? {} : { aborted: true }),
      ...notes,
    });
  });
}

/** Answers what was thrown, and logs the errors that are ours. */
export function answerFailure({ request, response, notes, log }: Exchange, error: unknown): void {
  if (response.destroyed) return;
  const { body } = errorBody(error);
  notes['code'] = body['code'];
  if (!(error instanceof ServiceError)) {
    log.error('request failed unexpectedly', { method: request.method, error });
  }
  sendError(response, error);
}
