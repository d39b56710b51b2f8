import type { Readable } from 'node:stream';
import type { BodyReader } from '@pod-agent/daemon-kit/http/route';

/** The body as the bytes that arrive. Leaving the loop early does not cut the connection: the answer still goes out. */
export function rawBody(): BodyReader<AsyncIterable<Buffer>> {
  return {
    contentType: 'application/octet-stream',
    schema: undefined,
    required: false,
    read: (request: Readable) =>
      Promise.resolve(request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>),
  };
}
