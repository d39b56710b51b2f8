const WORD_BITS = 32;

/** A set of positions in a text, as bits: what concerns all of them takes a few steps per 32. */
export class PositionSet {
  readonly #words: number[] = [];

  /** Empty; for positions below `size`. */
  constructor(size: number) {
    for (let bits = 0; bits < size; bits += WORD_BITS) this.#words.push(0);
  }

  get isEmpty(): boolean {
    return this.next(0) < 0;
  }

  has(position: number): boolean {
    return ((this.#words[position >>> 5] ?? 0) & (1 << position)) !== 0;
  }

  /** The lowest member that is not below `position`; -1 when there is none. */
  next(position: number): number {
    let index = position >>> 5;
    // A shift takes the number of bits modulo 32.
    let word = (this.#words[index] ?? 0) & (-1 << position);
    while (word === 0) {
      index += 1;
      if (index >= this.#words.length) return -1;
      word = this.#words[index] ?? 0;
    }
    return index * WORD_BITS + 31 - Math.clz32(word & -word);
  }

  add(position: number): this {
    const index = position >>> 5;
    this.#words[index] = (this.#words[index] ?? 0) | (1 << position);
    return this;
  }

  /** Both ends belong to it. */
  addRange(first: number, last: number): this {
    for (let index = first >>> 5; index <= last >>> 5; index += 1) {
      const from = index === first >>> 5 ? -1 << first : -1;
      const to = index === last >>> 5 ? -1 >>> (31 - (last & 31)) : -1;
      this.#words[index] = (this.#words[index] ?? 0) | (from & to);
    }
    return this;
  }

  addAll(other: PositionSet): this {
    for (let index = 0; index < this.#words.length; index += 1) {
      this.#words[index] = (this.#words[index] ?? 0) | (other.#words[index] ?? 0);
    }
    return this;
  }

  /** What is in both other sets, moved up by `distance`. What would leave this set's size is dropped. */
  addShifted(left: PositionSet, right: PositionSet, distance: number): this {
    const shift = distance & 31;
    let carried = 0;
    for (let from = 0, to = distance >>> 5; to < this.#words.length; from += 1, to += 1) {
      const both = (left.#words[from] ?? 0) & (right.#words[from] ?? 0);
      this.#words[to] = (this.#words[to] ?? 0) | (both << shift) | carried;
      carried = shift === 0 ? 0 : both >>> (WORD_BITS - shift);
    }
    return this;
  }

  removeAll(other: PositionSet): this {
    for (let index = 0; index < this.#words.length; index += 1) {
      this.#words[index] = (this.#words[index] ?? 0) & ~(other.#words[index] ?? 0);
    }
    return this;
  }
}
