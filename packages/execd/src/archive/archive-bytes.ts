import { pipeline } from 'node:stream/promises';
import { errorCode } from '../os/errno.ts';
import { invalidArchive } from './invalid-archive.ts';

const GZIP_MAGIC = Buffer.from([0x1f, 0x8b]);
const GUNZIP_CHUNK_BYTES = 256 * 1024;

/**
 * The bytes of an archive, unpacked when they begin as gzip does. Throws `INVALID_ARCHIVE` for gzip that is damaged or
 * incomplete; what the source throws passes through.
 */
export async function* archiveBytes(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void> {
  const chunks = source[Symbol.asyncIterator]();
  let start = Buffer.alloc(0);
  while (start.length < GZIP_MAGIC.length) {
    const { done, value } = await chunks.next();
    if (done) break;
    start = Buffer.concat([start, value]);
  }
  const all = withStart(start, chunks);
  yield* start.subarray(0, GZIP_MAGIC.length).equals(GZIP_MAGIC) ? unzipped(all) : all;
}

async function* withStart(start: Buffer, rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer, void> {
  try {
    if (start.length > 0) yield start;
    for (;;) {
      const { done, value } = await rest.next();
      if (done) return;
      yield value;
    }
  } finally {
    // A request that is still being read from cannot be passed over, and its connection cannot go on.
    await rest.return?.();
  }
}

async function* unzipped(bytes: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void> {
  // 0.3 MB that few need.
  const { createGunzip } = await import('node:zlib');
  const gunzip = createGunzip({ chunkSize: GUNZIP_CHUNK_BYTES });
  const feeding = pipeline(bytes, gunzip);
  // What goes wrong reaches the reader below too.
  feeding.catch(() => undefined);
  try {
    yield* gunzip as AsyncIterable<Buffer>;
  } catch (error) {
    const isDamaged = errorCode(error)?.startsWith('Z_') === true;
    throw isDamaged ? invalidArchive('damaged or incomplete gzip', undefined, error) : error;
  } finally {
    gunzip.destroy();
  }
}
