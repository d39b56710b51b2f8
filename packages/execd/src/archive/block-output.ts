import type { ByteSink } from './byte-sink.ts';
import { BLOCK_BYTES } from './tar-header.ts';

const BUFFER_BYTES = 1024 * 1024;
/** One is filled while the other is on its way. */
const BUFFERS = 2;

/** Gathers small pieces and takes large ones in place, in few buffers that are used again and again. */
export class BlockOutput {
  readonly #sink: ByteSink;
  readonly #free: Buffer[] = [];
  readonly #writing = new Set<Promise<void>>();
  #made = 0;
  #current: Buffer | undefined;
  #filled = 0;
  #total = 0;
  #failure: unknown;

  constructor(sink: ByteSink) {
    this.#sink = sink;
  }

  /** Where the next bytes go: one byte of room at least. Fill it from its start, then `advance`. */
  async room(): Promise<Buffer> {
    if (this.#filled === BUFFER_BYTES) this.#flush();
    this.#current ??= await this.#nextBuffer();
    return this.#current.subarray(this.#filled);
  }

  /** So many bytes of the room were filled. */
  advance(count: number): void {
    this.#filled += count;
    this.#total += count;
  }

  /** Copies the bytes. */
  async write(bytes: Buffer): Promise<void> {
    for (let done = 0; done < bytes.length;) {
      const count = bytes.copy(await this.room(), 0, done);
      this.advance(count);
      done += count;
    }
  }

  async zeros(count: number): Promise<void> {
    for (let left = count; left > 0;) {
      const room = (await this.room()).subarray(0, left).fill(0);
      this.advance(room.length);
      left -= room.length;
    }
  }

  /** Fills the last block up. */
  async padBlock(): Promise<void> {
    await this.zeros((BLOCK_BYTES - (this.#total % BLOCK_BYTES)) % BLOCK_BYTES);
  }

  /** Writes what is left, and waits until everything is. */
  async end(): Promise<void> {
    this.#flush();
    await Promise.all(this.#writing);
    if (this.#failure !== undefined) throw this.#failure;
  }

  #flush(): void {
    const buffer = this.#current;
    if (!buffer) return;
    const writing: Promise<void> = this.#sink.write(buffer.subarray(0, this.#filled)).then(
      () => void this.#free.push(buffer),
      (error: unknown) => void (this.#failure ??= error),
    );
    const done = writing.finally(() => this.#writing.delete(done));
    this.#writing.add(done);
    this.#current = undefined;
    this.#filled = 0;
  }

  async #nextBuffer(): Promise<Buffer> {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#free.length === 0 && this.#made < BUFFERS) {
      this.#made += 1;
      return Buffer.allocUnsafeSlow(BUFFER_BYTES);
    }
    if (this.#free.length === 0) await Promise.race(this.#writing);
    const buffer = this.#free.pop();
    if (!buffer) throw this.#failure;
    return buffer;
  }
}
