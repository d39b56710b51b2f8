import type { LogEntry } from './log-entry.ts';
import { SegmentReader } from './spool.ts';
import type { SpoolSegment } from './spool.ts';

/** A batch handed to a reader is not much larger than this. */
const BATCH_BYTES = 256 * 1024;

/** The log as its readers see it. */
export interface LogSource {
  readonly end: { readonly sequence: number };
  readonly closed: boolean;
  readonly segments: readonly SpoolSegment[];
  memoryFrom(sequence: number, limitBytes: number): LogEntry[] | undefined;
  onChange(callback: () => void): void;
  offChange(callback: () => void): void;
  detach(reader: OutputReader): void;
}

/** The output that a reader was to see next is gone: it was dropped to keep the limits, or its file was removed. */
export class OutputLostError extends Error {
  override readonly name = 'OutputLostError';
}

/** Follows a log from one position to its end. Disposing it only stops the reading. */
export class OutputReader implements AsyncDisposable {
  readonly #log: LogSource;
  readonly #wanted: (entry: LogEntry) => boolean;
  #skipping = true;
  #sequence: number;
  #onDisk: SegmentReader | undefined;
  #reading: Promise<LogEntry[]> | undefined;
  #detached = false;

  constructor(log: LogSource, sequence: number, wanted: (entry: LogEntry) => boolean) {
    this.#log = log;
    this.#sequence = sequence;
    this.#wanted = wanted;
  }

  /** Sequence of the next block that the reader needs. */
  get sequence(): number {
    return this.#sequence;
  }

  /** Entries that can be had without waiting for the writer; empty when the reader has caught up. */
  async available(): Promise<LogEntry[]> {
    while (!this.#detached) {
      const entries = this.#log.memoryFrom(this.#sequence, BATCH_BYTES) ?? (await this.#startReading());
      const last = entries.at(-1);
      if (!last || this.#detached) return [];
      this.#sequence = last.position.sequence + 1;
      const wanted = this.#dropUnwanted(entries);
      if (wanted.length > 0) return wanted;
    }
    return [];
  }

  /** Whether everything was read and nothing will follow. */
  get atEnd(): boolean {
    return this.#detached || (this.#log.closed && this.#sequence >= this.#log.end.sequence);
  }

  /** Resolves at the next change of the log, or when the signal aborts. */
  changed(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal.aborted || this.#log.closed || this.#sequence < this.#log.end.sequence) {
        resolve();
        return;
      }
      const done = () => {
        signal.removeEventListener('abort', done);
        this.#log.offChange(done);
        resolve();
      };
      signal.addEventListener('abort', done, { once: true });
      this.#log.onChange(done);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#detached = true;
    this.#log.detach(this);
    // A read under way may be opening a file.
    await this.#reading?.catch(() => undefined);
    await this.#onDisk?.[Symbol.asyncDispose]();
    this.#onDisk = undefined;
  }

  #dropUnwanted(entries: LogEntry[]): LogEntry[] {
    if (!this.#skipping) return entries;
    const first = entries.findIndex((entry) => this.#wanted(entry));
    if (first < 0) return [];
    this.#skipping = false;
    return entries.slice(first);
  }

  #startReading(): Promise<LogEntry[]> {
    this.#reading = this.#readDisk();
    return this.#reading;
  }

  async #readDisk(): Promise<LogEntry[]> {
    for (;;) {
      const segment = this.#segmentOf(this.#sequence);
      if (this.#onDisk?.segment !== segment) {
        await this.#onDisk?.[Symbol.asyncDispose]();
        this.#onDisk = new SegmentReader(segment);
      }
      const entries = await readOrLose(this.#onDisk);
      if (entries.length === 0) throw new OutputLostError('spooled output ended early');
      const needed = entries.filter((entry) => entry.position.sequence >= this.#sequence);
      if (needed.length > 0) return needed;
    }
  }

  #segmentOf(sequence: number): SpoolSegment {
    const segment = this.#log.segments.find(({ end }) => sequence < end.sequence);
    if (!segment || sequence < segment.start.sequence) {
      throw new OutputLostError('output was dropped before it was read');
    }
    return segment;
  }
}

async function readOrLose(reader: SegmentReader): Promise<LogEntry[]> {
  try {
    return await reader.read();
  } catch (error) {
    throw new OutputLostError('spooled output cannot be read', { cause: error });
  }
}
