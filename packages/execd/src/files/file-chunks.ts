import fs from 'node:fs';
import { promisify } from 'node:util';

const read = promisify(fs.read);

const CHUNK_BYTES = 256 * 1024;

/** What is left of an open file, in buffers that are the reader's to keep. Rejects with the system's error. */
export async function* fileChunks(descriptor: number): AsyncGenerator<Buffer> {
  for (;;) {
    const { bytesRead, buffer } = await read(
      descriptor,
      Buffer.allocUnsafeSlow(CHUNK_BYTES),
      0,
      CHUNK_BYTES,
      null,
    );
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
  }
}
