import { answerFailure } from '@pod-agent/daemon-kit/http/exchange';
import type { Exchange } from '@pod-agent/daemon-kit/http/exchange';
import type { Route } from '@pod-agent/daemon-kit/http/route';
import { ServiceError } from '@pod-agent/daemon-kit/service-error';
import { z } from 'zod';
import { errorResponse } from '../http/error-schema.ts';
import { resolveIdentity } from '../os/identity.ts';
import type { Identity } from '../os/identity.ts';
import { forward } from './forward.ts';
import { identityQuery } from './schema.ts';
import { unavailable } from './user-worker.ts';
import type { UserWorkers } from './user-workers.ts';

/** A worker that cannot be reached is replaced this often for one request. */
const ATTEMPTS = 2;
/** A ready reason: abort() without one builds an exception with a stack. */
const CLIENT_LEFT = new Error('the client left');

/** A key that is one of the two, or that may be when its escapes are decoded. Most requests have none. */
const IDENTITY_KEY = /[?&](?:[ug]id|[^=&]*%)/;

/**
 * The routes with the query parameters `uid` and `gid`: a request that has them is answered by a process that is that
 * user, so that the system itself decides what is allowed and whose the files are. Without them, and for execd's own
 * identity, nothing changes. For routes whose path has no parameters: the worker finds them by method and path.
 */
export function actingAs(workers: UserWorkers, routes: readonly Route[]): Route[] {
  return routes.map((entry) => ({
    ...entry,
    query: withIdentity(entry),
    responses: {
      400: errorResponse('Bad query'),
      403: errorResponse('The system does not permit it'),
      503: errorResponse('No process for that user'),
      ...entry.responses,
    },
    serve: (exchange, params) =>
      mayNameIdentity(exchange.request.url ?? '')
        ? serveWithIdentity(workers, entry, exchange, params)
        : entry.serve(exchange, params),
  }));
}

async function serveWithIdentity(
  workers: UserWorkers,
  entry: Route,
  exchange: Exchange,
  params: Record<string, unknown>,
): Promise<void> {
  try {
    const identity = requestedIdentity(exchange.request.url ?? '');
    if (identity) await serveAs(workers, identity, exchange, entry.path);
    else await entry.serve(exchange, params);
  } catch (error) {
    answerFailure(exchange, error);
  }
}

function mayNameIdentity(url: string): boolean {
  const start = url.indexOf('?');
  return start >= 0 && IDENTITY_KEY.test(url.slice(start));
}

/** For the OpenAPI document: a route's own schema still parses its query, and does not see these two. */
function withIdentity({ path, query }: Route): z.ZodObject {
  if (path.includes(':')) throw new Error(`${path} has parameters, which a worker does not get`);
  if (query === undefined) return identityQuery;
  if (query instanceof z.ZodObject) return query.safeExtend(identityQuery.shape);
  throw new Error(`the query of ${path} is no object schema`);
}

/** Whom the request is to be served as; undefined for execd itself. Throws a 400. */
function requestedIdentity(url: string): Identity | undefined {
  const values = new URLSearchParams(url.slice(url.indexOf('?') + 1));
  const { success, data, error } = identityQuery.safeParse({
    uid: onlyValue(values, 'uid'),
    gid: onlyValue(values, 'gid'),
  });
  if (!success) {
    const [issue] = error.issues;
    throw invalid(`invalid query parameter '${issue?.path.join('.') ?? ''}': ${issue?.message ?? 'invalid'}`);
  }
  if (data.gid !== undefined && data.uid === undefined) throw invalid('uid is required when gid is provided');
  return resolveIdentity(data.uid, data.gid);
}

function onlyValue(values: URLSearchParams, name: string): string | undefined {
  const [value, ...more] = values.getAll(name);
  if (more.length > 0) throw invalid(`query parameter '${name}' is given more than once`);
  return value;
}

function invalid(message: string): ServiceError {
  return new ServiceError('invalid-argument', 'INVALID_REQUEST_BODY', message);
}

async function serveAs(
  workers: UserWorkers,
  identity: Identity,
  { request, response, notes }: Exchange,
  path: string,
): Promise<void> {
  Object.assign(notes, identity);
  const closed = new AbortController();
  response.once('close', () => response.writableFinished || closed.abort(CLIENT_LEFT));
  if (response.destroyed) return;
  // Exactly the path of the route, whatever form of it found its way here.
  const url = `${path}${queryOf(request.url ?? '')}`;
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    using lease = await workers.borrow(identity, closed.signal);
    if (await forward(request, response, lease.worker, url)) return;
    lease.giveUp();
  }
  throw unavailable('the file worker cannot be reached');
}

function queryOf(url: string): string {
  const start = url.indexOf('?');
  return start < 0 ? '' : url.slice(start);
}
