import type { Readable } from 'node:stream';
import type { BodyReader } from '@pod-agent/daemon-kit/http/route';
import type { ZodType } from 'zod';

/** The body as the bytes that arrive. Leaving the loop early does not cut the connection: the answer still goes out. */
export function rawBody(
  contentType = 'application/octet-stream',
  schema?: ZodType,
): BodyReader<AsyncIterable<Buffer>> {
  return {
    contentType,
    schema,
    required: false,
    read: (request: Readable) =>
      Promise.resolve(request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>),
  };
}
