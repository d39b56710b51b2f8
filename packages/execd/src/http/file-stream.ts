import fs from 'node:fs';
import type { ServerResponse } from 'node:http';
import { promisify } from 'node:util';
import { filesMayBlock } from '../os/mounts.ts';
import { TimeSlice } from '../os/time-slice.ts';

const read = promisify(fs.read);

/** Large reads in few buffers that are used again at once: they stay in the processor's cache. */
const BUFFER_BYTES = 256 * 1024;
const BUFFERS = 3;
/** With more downloads than this at a time the memory counts more than the speed of each. */
const FAST_STREAMS = 8;
const SMALL_BUFFER_BYTES = 64 * 1024;

/** A read on the spot that took longer, ms, came from a disk: the next ones go through the thread pool. */
const SLOW_READ_MS = 3;
const POOLED_READS = 16;

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
    await pump(response, new PacedReads(descriptor), buffers, { start, end: start + length });
  } finally {
    streams -= 1;
    response.removeListener('close', leave);
  }
}

async function pump(
  response: ServerResponse,
  reads: PacedReads,
  buffers: BufferRing,
  { start, end }: { readonly start: number; readonly end: number },
): Promise<void> {
  const slice = new TimeSlice();
  for (let position = start; position < end;) {
    const buffer = await buffers.take();
    if (buffer === undefined || response.destroyed) return;
    const count = await reads.read(buffer, Math.min(buffer.length, end - position), position);
    if (count === 0) {
      response.destroy();
      return;
    }
    response.write(buffer.subarray(0, count), () => buffers.give(buffer));
    position += count;
    await slice.pause();
  }
  response.end();
}

/**
 * Reads on the spot as long as the bytes are in memory, which is a third faster than the thread pool where processors
 * are few, and lets the pool wait for a disk.
 */
class PacedReads {
  readonly #descriptor: number;
  #pooled = filesMayBlock() ? Infinity : 0;

  constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  read(into: Buffer, count: number, position: number): number | Promise<number> {
    if (this.#pooled > 0) return this.#readPooled(into, count, position);
    const startedAt = performance.now();
    const done = fs.readSync(this.#descriptor, into, 0, count, position);
    if (performance.now() - startedAt > SLOW_READ_MS) this.#pooled = POOLED_READS;
    return done;
  }

  async #readPooled(into: Buffer, count: number, position: number): Promise<number> {
    this.#pooled -= 1;
    return (await read(this.#descriptor, into, 0, count, position)).bytesRead;
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
