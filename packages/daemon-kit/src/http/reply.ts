import { once } from 'node:events';
import type { ServerResponse } from 'node:http';

/** Writes one answer. Resolves when the last byte was handed to the socket or the client left. */
export type Reply = (response: ServerResponse) => void | Promise<void>;

/** `200` with an empty body and an explicit `Content-Length: 0` (contract §1.3). */
export const empty: Reply = (response) => {
  response.writeHead(200, { 'Content-Length': 0 });
  response.end();
};

/** A JSON document. */
export function json(value: unknown, status = 200): Reply {
  return (response) => {
    const text = JSON.stringify(value);
    response.writeHead(status, {
      'Content-Type': 'application/json; charset=utf-8',
      'Content-Length': Buffer.byteLength(text),
    });
    response.end(text);
  };
}

/**
 * `text/plain` bytes of a known total length, streamed at the client's pace. A source that ends early cuts the
 * connection, so that no client takes a part for the whole.
 */
export function textStream(
  chunks: AsyncIterable<Buffer>,
  length: number,
  headers: Record<string, string>,
): Reply {
  return async (response) => {
    response.writeHead(200, {
      'Content-Type': 'text/plain; charset=utf-8',
      'Content-Length': length,
      ...headers,
    });
    let sent = 0;
    for await (const chunk of chunks) {
      if (response.destroyed) return;
      sent += chunk.length;
      if (!response.write(chunk)) await writable(response);
    }
    if (sent === length) response.end();
    else response.destroy();
  };
}

/** Bytes of unknown length, streamed at the client's pace. A source that throws cuts the connection. */
export function byteStream(contentType: string, chunks: AsyncIterable<Buffer>): Reply {
  return async (response) => {
    response.writeHead(200, { 'Content-Type': contentType });
    for await (const chunk of chunks) {
      if (response.destroyed) return;
      if (!response.write(chunk)) await writable(response);
    }
    response.end();
  };
}

/** Resolves when the response takes more, or will never again because the client left. */
export async function writable(response: ServerResponse): Promise<void> {
  if (response.destroyed) return;
  const closed = new AbortController();
  const { signal } = closed;
  await Promise.race([once(response, 'drain', { signal }), once(response, 'close', { signal })]).finally(() =>
    closed.abort(),
  );
}
