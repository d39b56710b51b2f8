import { request } from 'node:http';
import type { ClientRequest, IncomingHttpHeaders } from 'node:http';
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

/** One request on a connection of its own. A server that answers early gets no more than it wanted to read. */
export async function rawRequest(
  url: string,
  method: string,
  { headers = {}, body, chunks }: RawBody = {},
): Promise<RawAnswer> {
  const length = body === undefined ? {} : { 'content-length': String(body.length) };
  const outgoing = request(url, { method, agent: false, headers: { ...headers, ...length } });
  outgoing.setNoDelay(true);
  const answered = readAnswer(outgoing);
  const over = answered.then(
    () => true,
    () => true,
  );
  for (const chunk of chunks ?? []) {
    if (await Promise.race([over, send(outgoing, chunk)])) break;
  }
  outgoing.end(body);
  return answered.finally(() => outgoing.destroy());
}

function readAnswer(outgoing: ClientRequest): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    outgoing.on('error', reject);
    outgoing.on('response', (incoming) => {
      const received: Buffer[] = [];
      incoming.on('error', reject);
      incoming.on('data', (chunk: Buffer) => received.push(chunk));
      incoming.on('end', () => {
        resolve({
          status: incoming.statusCode ?? 0,
          headers: incoming.headers,
          body: Buffer.concat(received),
        });
      });
    });
  });
}

/** Gives false when the chunk is with the system and the loop has turned, so that the next one is a packet of its own. */
async function send(outgoing: ClientRequest, chunk: Uint8Array): Promise<boolean> {
  await new Promise<void>((resolve) => {
    outgoing.write(chunk, () => resolve());
  });
  await nextTurn();
  return false;
}
