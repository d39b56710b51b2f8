/** Pieces are put together up to this many and this many bytes: each one handed out costs more than its copy. */
const GATHERED_PIECES = 1_024;
const GATHERED_BYTES = 64 * 1024;

/** Replaces every occurrence of a text in bytes that come in pieces, and counts. Pure; occurrences do not overlap. */
export class TextReplacement {
  readonly #old: Buffer;
  readonly #new: Buffer;
  /** The end of what came, which an occurrence may begin in. */
  #held: Buffer = Buffer.alloc(0);
  #count = 0;

  constructor(oldText: string, newText: string) {
    this.#old = Buffer.from(oldText);
    this.#new = Buffer.from(newText);
  }

  /** Nothing to look for. */
  get isEmpty(): boolean {
    return this.#old.length === 0;
  }

  get count(): number {
    return this.#count;
  }

  /** Takes the next bytes; gives those that are settled. */
  push(chunk: Buffer): Iterable<Buffer> {
    return gathered(this.#pieces(chunk));
  }

  /** Gives the rest. */
  finish(): Buffer {
    const rest = this.#held;
    this.#held = Buffer.alloc(0);
    return rest;
  }

  *#pieces(chunk: Buffer): Generator<Buffer> {
    const bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    let position = 0;
    for (let found = bytes.indexOf(this.#old); found >= 0; found = bytes.indexOf(this.#old, position)) {
      yield bytes.subarray(position, found);
      yield this.#new;
      this.#count += 1;
      position = found + this.#old.length;
    }
    const settled = Math.max(position, bytes.length - this.#old.length + 1);
    yield bytes.subarray(position, settled);
    this.#held = bytes.subarray(settled);
  }
}

function* gathered(pieces: Iterable<Buffer>): Generator<Buffer> {
  let waiting: Buffer[] = [];
  let bytes = 0;
  for (const piece of pieces) {
    if (waiting.length === GATHERED_PIECES || bytes + piece.length > GATHERED_BYTES) {
      yield Buffer.concat(waiting, bytes);
      waiting = [];
      bytes = 0;
    }
    if (piece.length > GATHERED_BYTES) {
      yield piece;
    } else {
      waiting.push(piece);
      bytes += piece.length;
    }
  }
  yield Buffer.concat(waiting, bytes);
}
