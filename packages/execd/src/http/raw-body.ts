import type { Readable } from 'node:stream';
import type { BodyReader } from '@pod-agent/daemon-kit/http/route';
import type { ZodType } from 'zod';

/**
 * The body as the bytes that arrive. Who leaves the loop early does not cut the connection: the answer still goes out,
 * and what is left of the body is dropped, so that the next request on the connection has its turn.
 */
export function rawBody(
  contentType = 'application/octet-stream',
  schema?: ZodType,
): BodyReader<AsyncIterable<Buffer>> {
  return {
    contentType,
    schema,
    required: false,
    read: (request: Readable) => Promise.resolve(bytesOf(request)),
  };
}

async function* bytesOf(request: Readable): AsyncGenerator<Buffer, void> {
  try {
    yield* request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>;
  } finally {
    // Node drops the rest by itself only of a body that nobody has begun to read.
    request.resume();
  }
}
