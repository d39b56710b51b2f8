import { MultipartError } from './multipart-error.ts';
import { isBoundary, parsePartHeaders } from './multipart-header.ts';
import type { PartHeaders } from './multipart-header.ts';

/** The header lines of a part with the blank line behind them may be this long, bytes. */
export const MAX_PART_HEADER_BYTES = 16 * 1024;

const TAB = 9;
const LF = 10;
const CR = 13;
const SPACE = 32;
const DASH = 45;
/** CR LF before the dashes. */
const LINE_END_BYTES = 2;

/** What stands in the body, in its order: every part is one `begin`, any number of `data` and one `end`. */
export type PartEvent =
  | { readonly kind: 'begin'; readonly headers: PartHeaders }
  /** A view of the chunk or of constant memory: stays as it is, and must not be written to. */
  | { readonly kind: 'data'; readonly bytes: Buffer }
  | { readonly kind: 'end' };

const END: PartEvent = { kind: 'end' };

/**
 * `content`: of a part or the preamble. `delimiter`, `dash`: CR LF -- boundary, or one dash more, has been read and may
 * still be content. `line`: the rest of the delimiter's line. `closed`: the closing delimiter has been read.
 */
type State = 'content' | 'delimiter' | 'dash' | 'line' | 'headers' | 'closed' | 'epilogue';

/**
 * Reads a multipart body (RFC 2046, RFC 7578) from chunks of any sizes, in constant memory: content is handed out as
 * views of the chunks, and only header lines are ever kept. White space behind a boundary, a preamble, an epilogue and
 * a missing line end at the very end are accepted; a delimiter must begin with CR LF, and header lines must end in it.
 * Content with a line that merely begins like a delimiter (`--boundaryX`) stays content.
 *
 * Every method throws `MultipartError` for a body that is not valid; the parser is of no use from then on.
 */
export class MultipartParser {
  /** CR LF -- boundary -. CR stands at its beginning only, so a match that fails contains no beginning of another. */
  readonly #delimiterAndDash: Buffer;
  readonly #delimiter: Buffer;
  #state: State = 'content';
  /** So many bytes of the delimiter (and its dash) are what was read last. A line end stands before the body in effect. */
  #matched = LINE_END_BYTES;
  /** Of which so many stand in for the line end before, and are no content. */
  #implied = LINE_END_BYTES;
  #isPartOpen = false;
  #partCount = 0;
  #event: PartEvent | undefined;
  /** Header bytes of earlier chunks. */
  #header = Buffer.alloc(0);
  #headerLength = 0;
  #isLineEmpty = true;
  #isBehindCr = false;

  /** Takes what `multipartBoundary` returned. */
  constructor(boundary: string) {
    if (!isBoundary(boundary)) throw new MultipartError('unusable multipart boundary');
    this.#delimiterAndDash = Buffer.from(`\r\n--${boundary}-`, 'latin1');
    this.#delimiter = this.#delimiterAndDash.subarray(0, -1);
  }

  /** Parts that have begun so far: the number of the part that the last `begin` was of. The caller limits it. */
  get partCount(): number {
    return this.#partCount;
  }

  /**
   * What the next chunk of the body holds. The caller may wait as long as it likes between two events, and must take
   * them all before it parses another chunk.
   */
  *parse(chunk: Buffer): Generator<PartEvent, void, undefined> {
    for (let at = 0; at < chunk.length;) {
      at = this.#step(chunk, at);
      const event = this.#event;
      if (event) {
        this.#event = undefined;
        yield event;
      }
    }
  }

  /** To be called at the end of the body. Throws unless its closing delimiter has been read. */
  finish(): void {
    switch (this.#state) {
      case 'closed':
      case 'epilogue':
        return;
      case 'headers':
        throw this.#failure('the body ends within the headers');
      case 'content':
      case 'delimiter':
      case 'dash':
      case 'line':
        throw this.#failure('the body ends without the closing delimiter');
    }
  }

  /** Reads on from `at`, to the next event at the farthest, and returns where it stopped. */
  #step(chunk: Buffer, at: number): number {
    switch (this.#state) {
      case 'content':
        return this.#matched > 0 ? this.#resumeDelimiter(chunk, at) : this.#readContent(chunk, at);
      case 'delimiter':
        return this.#readAfterDelimiter(chunk, at);
      case 'dash':
        return this.#readAfterDash(chunk, at);
      case 'line':
        return this.#readDelimiterLine(chunk, at);
      case 'headers':
        return this.#readHeaders(chunk, at);
      case 'closed':
        return this.#readAfterClose(chunk, at);
      case 'epilogue':
        return chunk.length;
    }
  }

  #readContent(chunk: Buffer, at: number): number {
    const found = this.#findDelimiter(chunk, at);
    if (found >= 0) {
      this.#matched = this.#delimiter.length;
      this.#state = 'delimiter';
      this.#emitContent(chunk, at, found);
      return found + this.#delimiter.length;
    }
    const contentEnd = this.#findBeginning(chunk, at);
    this.#matched = chunk.length - contentEnd;
    this.#emitContent(chunk, at, contentEnd);
    return chunk.length;
  }

  /** Leaves out what the next bytes, where they are in the chunk, already tell to be content. */
  #findDelimiter(chunk: Buffer, from: number): number {
    const { length } = this.#delimiter;
    let found = chunk.indexOf(this.#delimiter, from);
    while (found >= 0 && !mayDelimit(chunk, found + length)) {
      found = chunk.indexOf(this.#delimiter, found + length);
    }
    return found;
  }

  /** Index from which on the chunk may be the beginning of a delimiter; its end when it is none. */
  #findBeginning(chunk: Buffer, from: number): number {
    const first = Math.max(from, chunk.length - this.#delimiter.length + 1);
    for (let at = chunk.length - 1; at >= first; at -= 1) {
      if (chunk[at] !== CR) continue;
      const isBeginning = chunk.subarray(at).equals(this.#delimiter.subarray(0, chunk.length - at));
      return isBeginning ? at : chunk.length;
    }
    return chunk.length;
  }

  #resumeDelimiter(chunk: Buffer, from: number): number {
    const delimiter = this.#delimiter;
    let at = from;
    while (at < chunk.length && this.#matched < delimiter.length && chunk[at] === delimiter[this.#matched]) {
      at += 1;
      this.#matched += 1;
    }
    if (this.#matched === delimiter.length) this.#state = 'delimiter';
    else if (at < chunk.length) this.#resumeContent();
    return at;
  }

  #readAfterDelimiter(chunk: Buffer, at: number): number {
    const byte = chunk[at];
    if (byte === DASH) {
      this.#matched += 1;
      this.#state = 'dash';
      return at + 1;
    }
    if (isWhiteSpace(byte)) {
      this.#endPart();
      this.#state = 'line';
    } else this.#resumeContent();
    return at;
  }

  #readAfterDash(chunk: Buffer, at: number): number {
    if (chunk[at] !== DASH) {
      this.#resumeContent();
      return at;
    }
    this.#endPart();
    this.#state = 'closed';
    return at + 1;
  }

  #readDelimiterLine(chunk: Buffer, from: number): number {
    for (let at = from; at < chunk.length; at += 1) {
      if (chunk[at] === LF) {
        this.#partCount += 1;
        this.#state = 'headers';
        return at + 1;
      }
      if (!isWhiteSpace(chunk[at])) throw this.#failure('text behind the boundary that follows');
    }
    return chunk.length;
  }

  #readAfterClose(chunk: Buffer, at: number): number {
    // A line of content that begins so would otherwise cut the part short without a word.
    if (!isWhiteSpace(chunk[at])) throw this.#failure('text behind the closing delimiter');
    this.#state = 'epilogue';
    return chunk.length;
  }

  #readHeaders(chunk: Buffer, from: number): number {
    const end = this.#findHeaderEnd(chunk, from);
    const stop = end < 0 ? chunk.length : end;
    if (this.#headerLength + stop - from > MAX_PART_HEADER_BYTES) {
      throw this.#failure(`headers of more than ${MAX_PART_HEADER_BYTES} bytes`);
    }
    if (end < 0 || this.#headerLength > 0) this.#keepHeader(chunk, from, stop);
    if (end >= 0) this.#beginPart(this.#headerText(chunk, from, end));
    return stop;
  }

  #headerText(chunk: Buffer, from: number, end: number): string {
    return this.#headerLength > 0
      ? this.#header.toString('utf8', 0, this.#headerLength)
      : chunk.toString('utf8', from, end);
  }

  /** Index behind the blank line, or -1. */
  #findHeaderEnd(chunk: Buffer, from: number): number {
    for (let at = from; at < chunk.length; at += 1) {
      const byte = chunk[at];
      // A LF alone is part of a line: the official JavaScript SDK streams file names as they are.
      if (byte === LF && this.#isBehindCr) {
        if (this.#isLineEmpty) return at + 1;
        this.#isLineEmpty = true;
      } else if (byte !== CR) this.#isLineEmpty = false;
      this.#isBehindCr = byte === CR;
    }
    return -1;
  }

  #keepHeader(chunk: Buffer, from: number, end: number): void {
    if (this.#header.length === 0) this.#header = Buffer.allocUnsafeSlow(MAX_PART_HEADER_BYTES);
    chunk.copy(this.#header, this.#headerLength, from, end);
    this.#headerLength += end - from;
  }

  #beginPart(headerText: string): void {
    this.#event = { kind: 'begin', headers: parsePartHeaders(headerText, this.#partCount) };
    this.#isPartOpen = true;
    this.#isBehindCr = false;
    this.#headerLength = 0;
    this.#state = 'content';
    // The blank line's end may be the delimiter's: a part without content (RFC 2046 §5.1.1).
    this.#matched = LINE_END_BYTES;
    this.#implied = LINE_END_BYTES;
  }

  #endPart(): void {
    if (this.#isPartOpen) this.#event = END;
    this.#isPartOpen = false;
  }

  /** What looked like a delimiter is content. */
  #resumeContent(): void {
    this.#emitContent(this.#delimiterAndDash, this.#implied, this.#matched);
    this.#state = 'content';
    this.#matched = 0;
    this.#implied = 0;
  }

  #emitContent(memory: Buffer, start: number, end: number): void {
    if (this.#isPartOpen && end > start) this.#event = { kind: 'data', bytes: memory.subarray(start, end) };
  }

  #failure(problem: string): MultipartError {
    return new MultipartError(this.#partCount === 0 ? problem : `part ${this.#partCount}: ${problem}`);
  }
}

function isWhiteSpace(byte: number | undefined): boolean {
  return byte === SPACE || byte === TAB || byte === CR || byte === LF;
}

/** Whether a boundary that ends at `at` may be one, as far as the chunk goes. */
function mayDelimit(chunk: Buffer, at: number): boolean {
  if (at >= chunk.length || isWhiteSpace(chunk[at])) return true;
  return chunk[at] === DASH && (at + 1 >= chunk.length || chunk[at + 1] === DASH);
}
