import type { LogEntry } from '../output/log-entry.ts';
import { encodeBlock } from './event-encoder.ts';
import type { EventFraming } from './event-encoder.ts';
import { isPlain, plainSize, writePlainLines } from './plain-lines.ts';

/** Framed events for the wire, several at once where they are there at once. */
export interface EventChunk {
  /** Text and bytes, in order. */
  readonly parts: readonly (string | Buffer)[];
  /** Nothing follows. */
  readonly last: boolean;
  /** To be called when the bytes are out of our hands: their memory is used again. */
  readonly written?: () => void;
}

/** Smaller blocks are not worth the memory that a buffer of their own takes. */
const BUFFERED_BLOCK_BYTES = 4 * 1024;
const MEMORY_BYTES = 512 * 1024;
/** Kept for the next chunks of the same stream. */
const SPARE_BUFFERS = 2;

/** Turns log entries into chunks for one reader. Large plain output goes through buffers that are used again and again. */
export class ChunkEncoder {
  readonly #framing: EventFraming;
  readonly #spare: Buffer[] = [];

  constructor(framing: EventFraming) {
    this.#framing = framing;
  }

  /** The output events of the entries behind the ordinal `after`; the first entry begins with `firstOrdinal`. */
  encode(entries: readonly LogEntry[], ordinalOf: (entry: LogEntry) => number, after: number): EventChunk {
    const parts: (string | Buffer)[] = [];
    let buffer: Buffer | undefined;
    let used = 0;
    for (const entry of entries) {
      const { block } = entry;
      const firstOrdinal = ordinalOf(entry);
      const skip = Math.max(0, after + 1 - firstOrdinal);
      const isFast = this.#framing === 'bare' && skip === 0 && block.bytes.length >= BUFFERED_BLOCK_BYTES;
      if (isFast && used + plainSize(block) <= MEMORY_BYTES && isPlain(block)) {
        buffer ??= this.#spare.pop() ?? Buffer.allocUnsafeSlow(MEMORY_BYTES);
        const end = writePlainLines(block, buffer, used);
        parts.push(buffer.subarray(used, end));
        used = end;
      } else {
        const text = encodeBlock(block, this.#framing, firstOrdinal, skip);
        if (text !== '') parts.push(text);
      }
    }
    return { parts, last: false, ...(buffer && { written: () => this.#keep(buffer) }) };
  }

  #keep(buffer: Buffer): void {
    if (this.#spare.length < SPARE_BUFFERS) this.#spare.push(buffer);
  }
}

/** A chunk of nothing but this text. */
export function textChunk(text: string, last: boolean): EventChunk {
  return { parts: [text], last };
}
