import type { IncomingMessage } from 'node:http';
import type { ZodType } from 'zod';
import { ServiceError } from '../service-error.ts';
import { answerFailure } from './exchange.ts';
import type { Exchange } from './exchange.ts';
import type { Reply } from './reply.ts';

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** Turns a request's body into a value, and describes that body in the OpenAPI document. */
export interface BodyReader<Body> {
  read(request: IncomingMessage): Promise<Body>;
  readonly contentType: string;
  readonly schema: ZodType | undefined;
  readonly required: boolean;
}

/** What one status of a route carries, for the OpenAPI document. */
export interface ResponseDescription {
  description: string;
  contentType?: string;
  schema?: ZodType;
  headers?: Record<string, string>;
}

/** What a handler gets: everything parsed, nothing left to check. */
export interface RouteInput<Params, Query, Body> {
  params: Params;
  query: Query;
  body: Body;
  request: IncomingMessage;
  /** Adds fields to the request's log line. */
  readonly note: (fields: Record<string, unknown>) => void;
}

/** A described endpoint. Only described endpoints can be mounted, so the OpenAPI document cannot miss one. */
export interface Route {
  readonly method: Method;
  /** Express path, e.g. `/command/:id/logs`. */
  readonly path: string;
  readonly summary: string;
  readonly description: string | undefined;
  readonly tag: string;
  /** Answered in front of Express: for the few endpoints whose rate is worth it. The path has no parameters then. */
  readonly hot: boolean;
  readonly params: ZodType | undefined;
  readonly query: ZodType | undefined;
  readonly body: BodyReader<unknown> | undefined;
  readonly responses: Record<number, ResponseDescription>;
  serve(exchange: Exchange, params: Record<string, unknown>): Promise<void>;
}

interface RouteDefinition<Params, Query, Body> {
  method: Method;
  path: string;
  summary: string;
  description?: string;
  tag: string;
  hot?: boolean;
  params?: ZodType<Params>;
  query?: ZodType<Query>;
  body?: BodyReader<Body>;
  responses: Record<number, ResponseDescription>;
  handle(input: RouteInput<Params, Query, Body>): Reply | Promise<Reply>;
}

/** Describes an endpoint and binds its handler; thrown errors become error answers. */
export function route<Params = undefined, Query = undefined, Body = undefined>(
  definition: RouteDefinition<Params, Query, Body>,
): Route {
  return {
    method: definition.method,
    path: definition.path,
    summary: definition.summary,
    description: definition.description,
    tag: definition.tag,
    hot: definition.hot ?? false,
    params: definition.params,
    query: definition.query,
    body: definition.body,
    responses: definition.responses,
    async serve(exchange, params) {
      try {
        const input = await readInput(definition, exchange, params);
        const reply = await definition.handle(input);
        await reply(exchange.response);
      } catch (error) {
        answerFailure(exchange, error);
      }
    },
  };
}

async function readInput<Params, Query, Body>(
  definition: RouteDefinition<Params, Query, Body>,
  { request, notes }: Exchange,
  rawParams: Record<string, unknown>,
): Promise<RouteInput<Params, Query, Body>> {
  // Without a schema the type parameter is `undefined`, and so is the value.
  const params = (definition.params && parsePart(definition.params, rawParams, 'path')) as Params;
  const query = (definition.query && parsePart(definition.query, readQuery(request), 'query')) as Query;
  const body = (definition.body && (await definition.body.read(request))) as Body;
  return { params, query, body, request, note: (fields) => void Object.assign(notes, fields) };
}

function parsePart<T>(schema: ZodType<T>, value: unknown, part: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const name = issue?.path.join('.') ?? '';
  throw new ServiceError(
    'invalid-argument',
    'INVALID_REQUEST_BODY',
    `invalid ${part} parameter '${name}': ${issue?.message ?? 'invalid'}`,
  );
}

type QueryValues = Record<string, string | string[]>;

/** Query keys to their value, or to the list of values of a repeated key. */
function readQuery(request: IncomingMessage): QueryValues {
  const url = request.url ?? '';
  const values: QueryValues = {};
  const start = url.indexOf('?');
  if (start < 0) return values;
  try {
    readPairs(url, start + 1, values);
    return values;
  } catch {
    // Escapes that are no UTF-8 are replaced, as browsers do it.
    const tolerant: QueryValues = {};
    for (const [key, value] of new URLSearchParams(url.slice(start + 1))) addPair(tolerant, key, value);
    return tolerant;
  }
}

/** What URLSearchParams does, in a quarter of its time. Throws for escapes that are no UTF-8. */
function readPairs(url: string, start: number, values: QueryValues): void {
  for (let from = start; from < url.length;) {
    const ampersand = url.indexOf('&', from);
    const end = ampersand < 0 ? url.length : ampersand;
    const equals = url.indexOf('=', from);
    const keyEnd = equals < 0 || equals > end ? end : equals;
    if (end > from) addPair(values, decode(url.slice(from, keyEnd)), decode(url.slice(keyEnd + 1, end)));
    from = end + 1;
  }
}

function addPair(values: QueryValues, key: string, value: string): void {
  // `constructor` is a key like any other.
  const earlier = Object.hasOwn(values, key) ? values[key] : undefined;
  if (earlier === undefined) values[key] = value;
  else if (Array.isArray(earlier)) earlier.push(value);
  else values[key] = [earlier, value];
}

function decode(text: string): string {
  const spaced = text.includes('+') ? text.replaceAll('+', ' ') : text;
  return spaced.includes('%') ? decodeURIComponent(spaced) : spaced;
}
