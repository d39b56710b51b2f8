import { GrowingBuffer } from './growing-buffer.ts';
import type { OutputBlock, OutputStream } from './output-block.ts';

const LF = 10;
const CR = 13;
const EMPTY = Buffer.alloc(0);

/** No event's text is longer than this once it is JSON, bytes. The Go SDK drops events over 4 MiB (contract §2.1). */
export const MAX_EVENT_TEXT_BYTES = 4 * 1024 * 1024 - 4096;

/** Longer input is looked at in slices, so that no single block grows with the size of a read. */
const SLICE_BYTES = 64 * 1024;

/** Up to here a copy costs less than another block. */
const SMALL_COPY_BYTES = 4096;

/** JSON bytes that one input byte can become: escapes, and U+FFFD (3 bytes) for a byte that is not UTF-8. */
const MAX_JSON_COST = 6;
const JSON_COST = new Uint8Array(256).fill(1);
JSON_COST.fill(MAX_JSON_COST, 0x00, 0x20);
JSON_COST.fill(3, 0x80, 0x100);
for (const short of '\b\t\n\f\r"\\') JSON_COST[short.charCodeAt(0)] = 2;

interface SplitterOptions {
  readonly maxEventBytes?: number | undefined;
  readonly afterCarriageReturn?: boolean;
}

/**
 * Cuts the bytes of one stream into blocks of whole events by the rules of contract §2.7, in any chunking the same.
 * A line is held back until its terminator arrives; a line whose JSON would exceed `maxEventBytes` is cut into several
 * events at a character boundary.
 */
export class LineSplitter {
  readonly #stream: OutputStream;
  readonly #maxEventBytes: number;
  /** A line that begins and ends inside one slice always fits into an event. */
  readonly #sliceBytes: number;
  readonly #held = new GrowingBuffer();
  #heldCost = 0;
  #afterCarriageReturn: boolean;

  /** `afterCarriageReturn`: what came before the first push ended with CR. */
  constructor(
    stream: OutputStream,
    { maxEventBytes = MAX_EVENT_TEXT_BYTES, afterCarriageReturn = false }: SplitterOptions = {},
  ) {
    this.#stream = stream;
    this.#afterCarriageReturn = afterCarriageReturn;
    this.#maxEventBytes = maxEventBytes;
    this.#sliceBytes = Math.min(SLICE_BYTES, Math.floor(maxEventBytes / MAX_JSON_COST));
  }

  /** The bytes of the unfinished line; valid until the next push. */
  get held(): Buffer {
    return this.#held.view;
  }

  /** Takes the next bytes of the stream and returns the blocks that they complete. The blocks may share its memory. */
  push(chunk: Buffer, timestamp: number): OutputBlock[] {
    const blocks: OutputBlock[] = [];
    for (let start = 0; start < chunk.length; start += this.#sliceBytes) {
      this.#pushSlice(chunk.subarray(start, start + this.#sliceBytes), timestamp, blocks);
    }
    return blocks;
  }

  /** The unfinished last line, at the end of the stream. */
  end(timestamp: number): OutputBlock[] {
    if (this.#held.length === 0) return [];
    return [this.#fragment(this.#joinHeld(EMPTY), timestamp)];
  }

  #pushSlice(slice: Buffer, timestamp: number, blocks: OutputBlock[]): void {
    const last = lastTerminator(slice);
    const lineEnd = last < 0 ? slice.length : firstTerminator(slice);
    const cut = this.#findCut(slice, lineEnd);
    if (cut >= 0) {
      const line = Buffer.concat([this.#held.view, slice]);
      const end = characterBoundary(line, this.#held.length + cut);
      this.#dropHeld();
      blocks.push(this.#fragment(line.subarray(0, end), timestamp));
      this.#pushSlice(line.subarray(end), timestamp, blocks);
      return;
    }
    if (last >= 0) this.#pushLines(slice.subarray(0, last + 1), lineEnd + 1, timestamp, blocks);
    if (last + 1 < slice.length) this.#hold(slice.subarray(last + 1));
  }

  /** Whole lines, the first of which ends at `firstEnd`. Only the first is copied to what was held, unless all are few. */
  #pushLines(bytes: Buffer, firstEnd: number, timestamp: number, blocks: OutputBlock[]): void {
    const copied = this.#held.length > 0 && bytes.length > SMALL_COPY_BYTES ? firstEnd : bytes.length;
    blocks.push(this.#lines(this.#joinHeld(bytes.subarray(0, copied)), timestamp));
    if (copied < bytes.length) blocks.push(this.#lines(bytes.subarray(copied), timestamp));
  }

  /** Index in the slice of the first byte that does not fit into the event of the held line; -1 if all fit. */
  #findCut(slice: Buffer, lineEnd: number): number {
    if (this.#heldCost + lineEnd * MAX_JSON_COST <= this.#maxEventBytes) return -1;
    let cost = this.#heldCost;
    for (let index = 0; index < lineEnd; index += 1) {
      cost += JSON_COST[slice[index] ?? 0] ?? 0;
      if (cost > this.#maxEventBytes) return index;
    }
    return -1;
  }

  #hold(bytes: Buffer): void {
    this.#held.append(bytes);
    this.#heldCost += jsonCost(bytes);
  }

  #dropHeld(): void {
    this.#held.clear();
    this.#heldCost = 0;
  }

  /** The held bytes with these behind them; nothing is held afterwards. */
  #joinHeld(bytes: Buffer): Buffer {
    if (this.#held.length === 0) return bytes;
    const joined = Buffer.concat([this.#held.view, bytes]);
    this.#dropHeld();
    return joined;
  }

  #lines(bytes: Buffer, timestamp: number): OutputBlock {
    const afterCarriageReturn = this.#afterCarriageReturn;
    this.#afterCarriageReturn = bytes[bytes.length - 1] === CR;
    const eventCount = countLineEvents(bytes, afterCarriageReturn);
    return { stream: this.#stream, timestamp, kind: 'lines', afterCarriageReturn, eventCount, bytes };
  }

  #fragment(bytes: Buffer, timestamp: number): OutputBlock {
    this.#afterCarriageReturn = false;
    const stream = this.#stream;
    return { stream, timestamp, kind: 'fragment', afterCarriageReturn: false, eventCount: 1, bytes };
  }
}

function jsonCost(bytes: Buffer): number {
  let cost = 0;
  for (let index = 0; index < bytes.length; index += 1) cost += JSON_COST[bytes[index] ?? 0] ?? 0;
  return cost;
}

function firstTerminator(bytes: Buffer): number {
  const lf = bytes.indexOf(LF);
  const cr = bytes.indexOf(CR);
  if (lf < 0) return cr;
  return cr < 0 ? lf : Math.min(lf, cr);
}

function lastTerminator(bytes: Buffer): number {
  return Math.max(bytes.lastIndexOf(LF), bytes.lastIndexOf(CR));
}

/** The last index not after `index` at which a UTF-8 character starts; `index` itself where the bytes are not UTF-8. */
function characterBoundary(bytes: Buffer, index: number): number {
  for (let back = 0; back < 4 && back < index; back += 1) {
    const byte = bytes[index - back] ?? 0;
    if ((byte & 0xc0) !== 0x80) return index - back;
  }
  return index;
}

/** Every terminator ends one event, but for a LF that completes a CRLF. */
function countLineEvents(bytes: Buffer, afterCarriageReturn: boolean): number {
  if (bytes.indexOf(CR) < 0) {
    return countByte(bytes, LF) - (afterCarriageReturn && bytes[0] === LF ? 1 : 0);
  }
  let count = 0;
  let previous = afterCarriageReturn ? CR : 0;
  for (let index = 0; index < bytes.length; index += 1) {
    const byte = bytes[index] ?? 0;
    if (byte === CR || (byte === LF && previous !== CR)) count += 1;
    previous = byte;
  }
  return count;
}

/** Lines longer than this are hopped over with the native search; shorter ones are counted byte by byte. */
const HOP_LINE_BYTES = 64;

function countByte(bytes: Buffer, wanted: number): number {
  let count = 0;
  if (bytes.indexOf(wanted) < HOP_LINE_BYTES) {
    for (let index = 0; index < bytes.length; index += 1) if (bytes[index] === wanted) count += 1;
    return count;
  }
  for (let at = bytes.indexOf(wanted); at >= 0; at = bytes.indexOf(wanted, at + 1)) count += 1;
  return count;
}
