const FIRST_CAPACITY_BYTES = 256;
/** An emptied buffer above this size gives its memory back. */
const KEPT_CAPACITY_BYTES = 64 * 1024;

/** Bytes appended at the end, in memory of twice the needed size at most. */
export class GrowingBuffer {
  #memory: Buffer = Buffer.alloc(0);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** The bytes, valid until the next call that changes them. */
  get view(): Buffer {
    return this.#memory.subarray(0, this.#length);
  }

  append(bytes: Buffer): void {
    const needed = this.#length + bytes.length;
    if (needed > this.#memory.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(FIRST_CAPACITY_BYTES, needed, this.#memory.length * 2));
      this.#memory.copy(grown, 0, 0, this.#length);
      this.#memory = grown;
    }
    bytes.copy(this.#memory, this.#length);
    this.#length = needed;
  }

  clear(): void {
    this.#length = 0;
    if (this.#memory.length > KEPT_CAPACITY_BYTES) this.#memory = Buffer.alloc(0);
  }
}
