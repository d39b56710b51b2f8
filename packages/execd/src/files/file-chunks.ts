import fs from 'node:fs';
import { promisify } from 'node:util';

const read = promisify(fs.read);

const CHUNK_BYTES = 256 * 1024;

/** An open file from an offset to its end, in buffers that are the reader's to keep. Rejects with the system's error. */
export async function* fileChunks(descriptor: number, start = 0): AsyncGenerator<Buffer> {
  let position = start;
  for (;;) {
    const { bytesRead, buffer } = await read(
      descriptor,
      Buffer.allocUnsafeSlow(CHUNK_BYTES),
      0,
      CHUNK_BYTES,
      position,
    );
    if (bytesRead === 0) return;
    position += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}
