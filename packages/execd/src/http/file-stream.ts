import fs from 'node:fs';
import type { ServerResponse } from 'node:http';
import { promisify } from 'node:util';

const read = promisify(fs.read);

/** Large reads in few buffers that are used again at once: they stay in the processor's cache. */
const BUFFER_BYTES = 1024 * 1024;
const BUFFERS = 3;
/** With more downloads than this at a time the memory counts more than the speed of each. */
const FAST_STREAMS = 3;
const SMALL_BUFFER_BYTES = 64 * 1024;

let streams = 0;

/**
 * Writes a part of a file to the response, at the client's pace; offset and length in bytes. Resolves when everything
 * was handed over or the client left. A file that ends early cuts the connection, so that no client takes a part for
 * the whole. The descriptor stays the caller's. Rejects with the system's error.
 */
export async function streamFile(
  response: ServerResponse,
  descriptor: number,
  start: number,
  length: number,
): Promise<void> {
  streams += 1;
  const buffers = new BufferRing(streams <= FAST_STREAMS ? BUFFER_BYTES : SMALL_BUFFER_BYTES, length);
  const leave = () => buffers.abandon();
  response.once('close', leave);
  try {
    const end = start + length;
    for (let position = start; position < end;) {
      const buffer = await buffers.take();
      if (buffer === undefined || response.destroyed) return;
      const wanted = Math.min(buffer.length, end - position);
      const { bytesRead } = await read(descriptor, buffer, 0, wanted, position);
      if (bytesRead === 0) {
        response.destroy();
        return;
      }
      response.write(buffer.subarray(0, bytesRead), () => buffers.give(buffer));
      position += bytesRead;
    }
    response.end();
  } finally {
    streams -= 1;
    response.removeListener('close', leave);
  }
}

/** A few buffers that go round between reading and writing. */
class BufferRing {
  readonly #size: number;
  readonly #free: Buffer[] = [];
  #made = 0;
  #isAbandoned = false;
  #wake: (() => void) | undefined;

  constructor(size: number, length: number) {
    this.#size = Math.min(size, length);
  }

  /** A buffer that nobody uses; undefined when the client has left. */
  async take(): Promise<Buffer | undefined> {
    while (!this.#isAbandoned) {
      const buffer = this.#free.pop() ?? this.#make();
      if (buffer) return buffer;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return undefined;
  }

  give(buffer: Buffer): void {
    this.#free.push(buffer);
    this.#wakeUp();
  }

  abandon(): void {
    this.#isAbandoned = true;
    this.#wakeUp();
  }

  #make(): Buffer | undefined {
    if (this.#made === BUFFERS) return undefined;
    this.#made += 1;
    return Buffer.allocUnsafeSlow(this.#size);
  }

  #wakeUp(): void {
    this.#wake?.();
    this.#wake = undefined;
  }
}
