import { once } from 'node:events';
import { request } from 'node:http';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { setImmediate as nextTurn } from 'node:timers/promises';

/** An answer with all the headers that came, which fetch hides in part. */
export interface RawAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface RawBody {
  readonly headers?: Record<string, string>;
  /** Sent with a Content-Length. */
  readonly body?: Uint8Array;
  /** Sent one after the other with chunked transfer, without a Content-Length. */
  readonly chunks?: Iterable<Uint8Array>;
}

/** One request on a connection of its own. */
export async function rawRequest(
  url: string,
  method: string,
  { headers = {}, body, chunks }: RawBody = {},
): Promise<RawAnswer> {
  const length = body === undefined ? {} : { 'content-length': String(body.length) };
  const outgoing = request(url, { method, agent: false, headers: { ...headers, ...length } });
  const answered = once(outgoing, 'response') as Promise<[IncomingMessage]>;
  outgoing.setNoDelay(true);
  for (const chunk of chunks ?? []) {
    if (!outgoing.write(chunk)) await once(outgoing, 'drain');
    else await nextTurn();
  }
  outgoing.end(body);
  const [incoming] = await answered;
  const received: Buffer[] = [];
  for await (const chunk of incoming) received.push(chunk as Buffer);
  return { status: incoming.statusCode ?? 0, headers: incoming.headers, body: Buffer.concat(received) };
}
