const LF = 10;
const CR = 13;
const LINE_FEED = Buffer.from('\n');

/** Carriage returns that were held back go out in pieces of this many bytes. */
const RETURNS_BYTES = 64 * 1024;

/** From this distance on a native call is quicker than a look at every byte. */
const NEAR_BYTES = 8;

/** Which lines of a file are wanted: at most `limit` of them from line `offset` on, the first being 1. */
export interface LineWindow {
  readonly offset: number;
  readonly limit: number | undefined;
}

/**
 * The wanted lines of a file (contract §7.8), byte for byte: lines end at LF, lose all CRs at their end, and are joined
 * by one LF, without one behind the last. What follows a final LF is no line. Reads no further than the last wanted
 * line, and never holds a line back, however long. What it yields may share the memory of the chunk that it came from.
 */
export async function* lineWindow(chunks: AsyncIterable<Buffer>, window: LineWindow): AsyncGenerator<Buffer> {
  const cutter = new LineCutter(window);
  for await (const chunk of chunks) {
    yield* cutter.cut(chunk);
    if (cutter.done) return;
  }
}

/** Cuts the window out of chunks. What it holds back at the end of the file is what the last line has to lose. */
class LineCutter {
  #linesToSkip: number;
  #linesLeft: number;
  /** The last byte was a LF: it separates two lines if anything follows. */
  #heldLineFeed = false;
  /** CRs at the very end: they belong to their line unless a LF or the end of the file follows. */
  #heldReturns = 0;

  constructor({ offset, limit }: LineWindow) {
    this.#linesToSkip = offset - 1;
    this.#linesLeft = limit ?? Infinity;
  }

  get done(): boolean {
    return this.#linesLeft === 0;
  }

  *cut(chunk: Buffer): Generator<Buffer> {
    const skipped = passLines(chunk, 0, this.#linesToSkip);
    this.#linesToSkip -= skipped.lines;
    if (this.#linesToSkip > 0) return;
    const wanted = passLines(chunk, skipped.end, this.#linesLeft);
    this.#linesLeft -= wanted.lines;
    if (wanted.end > skipped.end) yield* this.#strip(chunk.subarray(skipped.end, wanted.end));
  }

  *#strip(bytes: Buffer): Generator<Buffer> {
    if (this.#heldLineFeed) yield LINE_FEED;
    this.#heldLineFeed = false;
    const body = bytes.indexOf(CR) < 0 && this.#heldReturns === 0 ? bytes : yield* this.#stripReturns(bytes);
    this.#heldLineFeed = body.at(-1) === LF && bytes.at(-1) === LF;
    const length = this.#heldLineFeed ? body.length - 1 : body.length;
    if (length > 0) yield body.subarray(0, length);
  }

  /** Returns the bytes without the CRs that end lines; a run of CRs at the end of them is held back. */
  *#stripReturns(bytes: Buffer): Generator<Buffer, Buffer> {
    const first = bytes.findIndex((byte) => byte !== CR);
    if (first >= 0 && bytes[first] !== LF) yield* this.#releaseReturns();
    if (first < 0) {
      this.#heldReturns += bytes.length;
      return bytes.subarray(0, 0);
    }
    const { kept, returns } = withoutLineEndReturns(bytes);
    this.#heldReturns = returns;
    return kept;
  }

  /** What was held back was in the middle of its line. */
  *#releaseReturns(): Generator<Buffer> {
    const returns = Buffer.alloc(Math.min(this.#heldReturns, RETURNS_BYTES), CR);
    for (; this.#heldReturns > 0; this.#heldReturns -= Math.min(this.#heldReturns, RETURNS_BYTES)) {
      yield returns.subarray(0, this.#heldReturns);
    }
  }
}

/** A copy without the CRs that stand before a LF or at the end; `returns` counts those at the end. */
function withoutLineEndReturns(bytes: Buffer): { kept: Buffer; returns: number } {
  const kept = Buffer.allocUnsafeSlow(bytes.length);
  let length = 0;
  let start = 0;
  for (;;) {
    const found = findByte(bytes, CR, start);
    const end = found < 0 ? bytes.length : found;
    length += copyBytes(bytes, start, end, kept, length);
    if (found < 0) return { kept: kept.subarray(0, length), returns: 0 };
    start = found + 1;
    while (bytes[start] === CR) start += 1;
    if (start === bytes.length) return { kept: kept.subarray(0, length), returns: start - found };
    if (bytes[start] !== LF) length += copyBytes(bytes, found, start, kept, length);
  }
}

function copyBytes(from: Buffer, start: number, end: number, to: Buffer, at: number): number {
  if (end - start >= NEAR_BYTES) return from.copy(to, at, start, end);
  for (let index = start; index < end; index += 1) to[at + index - start] = from[index] ?? 0;
  return end - start;
}

/** Passes over up to `limit` lines from `start` on: how many end in the chunk, and where the last of them does. */
function passLines(chunk: Buffer, start: number, limit: number): { lines: number; end: number } {
  if (limit === Infinity) return { lines: 0, end: chunk.length };
  let lines = 0;
  let end = start;
  while (lines < limit) {
    const found = findByte(chunk, LF, end);
    if (found < 0) return { lines, end: chunk.length };
    lines += 1;
    end = found + 1;
  }
  return { lines, end };
}

/** As indexOf, which costs more than a look at a few bytes when what is wanted is near. */
function findByte(bytes: Buffer, wanted: number, start: number): number {
  const near = Math.min(start + NEAR_BYTES, bytes.length);
  for (let index = start; index < near; index += 1) if (bytes[index] === wanted) return index;
  return bytes.indexOf(wanted, near);
}
