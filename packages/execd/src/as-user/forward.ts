import { request as httpRequest } from 'node:http';
import type { ClientRequest, IncomingMessage, OutgoingMessage, ServerResponse } from 'node:http';
import { errorCode } from '../os/errno.ts';
import { unavailable } from './user-worker.ts';
import type { UserWorker } from './user-worker.ts';

/** What belongs to one connection (RFC 9110 §7.6.1), and what the front door has dealt with. */
const NOT_FORWARDED = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'transfer-encoding',
  'upgrade',
  'expect',
  'trailer',
  'x-execd-access-token',
]);

/** Nobody listens on the socket. */
const UNREACHABLE = new Set(['ECONNREFUSED', 'ENOENT']);

/**
 * Lets the worker answer the request: both bodies flow at the pace of their readers, trailers included, and nothing is
 * held back. A client that leaves aborts the request in the worker; a worker that fails before the answer began is a
 * 503, and after that the connection is cut. Resolves when the answer is out or the client left; false when the worker
 * could not be reached and nothing of the request was taken, so that another may try.
 */
export async function forward(
  request: IncomingMessage,
  response: ServerResponse,
  worker: UserWorker,
  url: string,
): Promise<boolean> {
  const outgoing = httpRequest({
    socketPath: worker.socketPath,
    agent: worker.agent,
    method: request.method ?? 'GET',
    path: url,
    setHost: false,
    headers: requestHeaders(request),
  });
  sendBody(request, outgoing);
  let isReached = true;
  try {
    return await exchanged(outgoing, response);
  } catch (error) {
    worker.dropIdleConnections();
    isReached = !UNREACHABLE.has(errorCode(error) ?? '');
    if (!isReached) return false;
    throw unavailable(
      `the file worker failed: ${error instanceof Error ? error.message : String(error)}`,
      error,
    );
  } finally {
    // An answer may come before the whole body did: what is still sent is thrown away.
    request.unpipe(outgoing);
    if (!outgoing.destroyed) outgoing.destroy();
    if (isReached) request.resume();
  }
}

/** Resolves with true when the response is over. Rejects when the worker failed before it began. */
function exchanged(outgoing: ClientRequest, response: ServerResponse): Promise<boolean> {
  return new Promise((resolve, reject) => {
    response.once('close', () => resolve(true));
    if (response.destroyed) resolve(true);
    outgoing.once('response', (incoming) => {
      try {
        answer(incoming, response);
      } catch (error) {
        // An answer that cannot be one.
        reject(error);
      }
    });
    // Stays: a body that is still sent may fail after the answer has begun.
    outgoing.on('error', (error) => {
      if (!response.headersSent) reject(error);
    });
  });
}

/** Nothing is read before the worker has been reached: then another one may still get it. */
function sendBody(request: IncomingMessage, outgoing: ClientRequest): void {
  if (!hasBody(request)) {
    outgoing.end();
    return;
  }
  request.once('end', () => {
    if (isChunked(request)) outgoing.addTrailers(pairs(request.rawTrailers));
  });
  const send = () => {
    request.pipe(outgoing);
    flushUnless(request, outgoing);
  };
  outgoing.once('socket', (socket) => {
    if (socket.connecting) socket.once('connect', send);
    else send();
  });
}

/** Headers wait for the first bytes of the body, to be one packet with them; where none come soon they go alone. */
function flushUnless(body: IncomingMessage, message: OutgoingMessage): void {
  setImmediate(() => {
    if (!body.readableDidRead && !message.writableEnded && !message.destroyed) message.flushHeaders();
  });
}

function answer(incoming: IncomingMessage, response: ServerResponse): void {
  const withTrailers = isChunked(incoming) && response.req.httpVersion !== '1.0';
  response.writeHead(incoming.statusCode ?? 502, incoming.statusMessage ?? '', [
    ...forwardedHeaders(incoming),
    ...(withTrailers ? trailerHeader(incoming) : []),
  ]);
  incoming.once('end', () => {
    if (withTrailers) response.addTrailers(pairs(incoming.rawTrailers));
  });
  // Half an answer is cut, so that no client takes it for the whole. Not pipeline(): it builds an exception each time.
  incoming.once('error', () => response.destroy());
  incoming.pipe(response);
  flushUnless(incoming, response);
}

function requestHeaders(request: IncomingMessage): string[] {
  const headers = forwardedHeaders(request);
  if (isChunked(request)) return [...headers, 'Transfer-Encoding', 'chunked', ...trailerHeader(request)];
  // Without it a POST would be sent in chunks.
  return hasBody(request) || 'content-length' in request.headers
    ? headers
    : [...headers, 'Content-Length', '0'];
}

/** Names and values in turn, as they arrived, without those of the connection. */
function forwardedHeaders({ rawHeaders, headers }: IncomingMessage): string[] {
  const named = new Set((headers.connection ?? '').split(',').map((name) => name.trim().toLowerCase()));
  return pairs(rawHeaders)
    .filter(([name]) => !NOT_FORWARDED.has(name.toLowerCase()) && !named.has(name.toLowerCase()))
    .flat();
}

function trailerHeader({ headers }: IncomingMessage): string[] {
  return headers.trailer === undefined ? [] : ['Trailer', headers.trailer];
}

function hasBody({ headers }: IncomingMessage): boolean {
  return 'transfer-encoding' in headers || Number(headers['content-length'] ?? 0) > 0;
}

function isChunked({ headers }: IncomingMessage): boolean {
  return 'transfer-encoding' in headers;
}

function pairs(raw: readonly string[]): [string, string][] {
  const found: [string, string][] = [];
  for (let index = 0; index + 1 < raw.length; index += 2)
    found.push([raw[index] ?? '', raw[index + 1] ?? '']);
  return found;
}
