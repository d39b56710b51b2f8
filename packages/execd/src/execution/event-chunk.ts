import type { LogEntry } from '../output/log-entry.ts';
import type { OutputBlock } from '../output/output-block.ts';
import { encodeBlock } from './event-encoder.ts';
import type { EventFraming } from './event-encoder.ts';
import { EVENT_BUFFER_BYTES } from './event-memory.ts';
import type { EventMemory } from './event-memory.ts';
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

/** Turns log entries into chunks for one reader. Large plain output goes through buffers that are used again and again. */
export class ChunkEncoder {
  readonly #framing: EventFraming;
  readonly #memory: EventMemory;

  constructor(framing: EventFraming, memory: EventMemory) {
    this.#framing = framing;
    this.#memory = memory;
  }

  /**
   * The output events of the entries behind the ordinal `after`, in as few chunks as their buffers allow. A buffer is
   * taken when its chunk is asked for.
   */
  *encode(
    entries: readonly LogEntry[],
    ordinalOf: (entry: LogEntry) => number,
    after: number,
  ): Generator<EventChunk> {
    let chunk = new ChunkBuilder(this.#memory);
    for (const entry of entries) {
      const firstOrdinal = ordinalOf(entry);
      const skip = Math.max(0, after + 1 - firstOrdinal);
      if (this.#framing === 'bare' && skip === 0 && isWorthABuffer(entry.block)) {
        if (!chunk.hasRoomFor(entry.block)) {
          yield chunk.build();
          chunk = new ChunkBuilder(this.#memory);
        }
        chunk.addPlain(entry.block);
      } else {
        chunk.addText(encodeBlock(entry.block, this.#framing, firstOrdinal, skip));
      }
    }
    if (!chunk.isEmpty) yield chunk.build();
  }
}

function isWorthABuffer(block: OutputBlock): boolean {
  return (
    block.bytes.length >= BUFFERED_BLOCK_BYTES && plainSize(block) <= EVENT_BUFFER_BYTES && isPlain(block)
  );
}

/** One chunk in the making. */
class ChunkBuilder {
  readonly #memory: EventMemory;
  readonly #parts: (string | Buffer)[] = [];
  #buffer: Buffer | undefined;
  #used = 0;

  constructor(memory: EventMemory) {
    this.#memory = memory;
  }

  get isEmpty(): boolean {
    return this.#parts.length === 0;
  }

  hasRoomFor(block: OutputBlock): boolean {
    return this.#used + plainSize(block) <= EVENT_BUFFER_BYTES;
  }

  addPlain(block: OutputBlock): void {
    this.#buffer ??= this.#memory.take();
    const end = writePlainLines(block, this.#buffer, this.#used);
    this.#parts.push(this.#buffer.subarray(this.#used, end));
    this.#used = end;
  }

  addText(text: string): void {
    if (text !== '') this.#parts.push(text);
  }

  build(): EventChunk {
    const buffer = this.#buffer;
    return { parts: this.#parts, last: false, ...(buffer && { written: () => this.#memory.give(buffer) }) };
  }
}

/** A chunk of nothing but this text. */
export function textChunk(text: string, last: boolean): EventChunk {
  return { parts: [text], last };
}
