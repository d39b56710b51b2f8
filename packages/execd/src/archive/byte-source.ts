import { releaseMemory } from '../os/release-memory.ts';

/** Bytes that arrive in chunks of any size, taken in pieces of the size that is needed. The chunks are used up. */
export class ByteSource implements AsyncDisposable {
  readonly #chunks: AsyncIterator<Buffer>;
  #chunk: Buffer = Buffer.alloc(0);
  #used = 0;
  #position = 0;

  constructor(chunks: AsyncIterable<Buffer>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /** How many bytes were taken so far. */
  get position(): number {
    return this.#position;
  }

  /** So many bytes in one piece; fewer at the end. They are there until more is taken. */
  async exactly(count: number): Promise<Buffer> {
    if (this.#chunk.length - this.#used >= count) return this.#take(count);
    const whole = Buffer.allocUnsafe(count);
    let filled = 0;
    while (filled < count) {
      const piece = await this.upTo(count - filled);
      if (piece === undefined) break;
      filled += piece.copy(whole, filled);
    }
    return whole.subarray(0, filled);
  }

  /** What there is, but not more than `count` bytes; undefined at the end. They are there until more is taken. */
  async upTo(count: number): Promise<Buffer | undefined> {
    while (this.#used === this.#chunk.length) {
      releaseMemory(this.#chunk);
      this.#used = 0;
      const { done, value } = await this.#chunks.next();
      this.#chunk = done ? Buffer.alloc(0) : value;
      if (done) return undefined;
    }
    return this.#take(Math.min(count, this.#chunk.length - this.#used));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#chunks.return?.();
  }

  #take(count: number): Buffer {
    const piece = this.#chunk.subarray(this.#used, this.#used + count);
    this.#used += count;
    this.#position += count;
    return piece;
  }
}
