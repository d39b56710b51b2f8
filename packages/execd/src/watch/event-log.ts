import type { WatchEvent } from './schema.ts';

/** How much a reader may fall behind, whichever comes first. */
const LIMIT_EVENTS = 10_000;
const LIMIT_CHARACTERS = 1024 * 1024;

/** One read gives no more than about this many characters. */
const BATCH_CHARACTERS = 64 * 1024;

/**
 * The events of one tree, as JSON, for any number of readers with a place each. What all have read is dropped; what one
 * has not read is kept up to a limit, and never slows the others or the writer.
 */
export class EventLog {
  readonly #readers = new Set<EventReader>();
  readonly #waiting = new Set<() => void>();
  #texts: string[] = [];
  #characters = 0;
  #start = 0;
  #isClosed = false;
  #failure: Error | undefined;

  get start(): number {
    return this.#start;
  }

  get end(): number {
    return this.#start + this.#texts.length;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Why there will be no more events, when that is no ordinary end. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  append(event: WatchEvent): void {
    if (this.#isClosed || this.#readers.size === 0) return;
    const text = JSON.stringify(event);
    this.#texts.push(text);
    this.#characters += text.length;
    // Half of it: a reader that has fallen behind has lost everything anyway, and the others need some room.
    if (this.#texts.length > LIMIT_EVENTS || this.#characters > LIMIT_CHARACTERS) this.#drop(this.#half());
    this.#wake();
  }

  /** Nothing follows; readers come to their end. */
  close(failure?: Error): void {
    if (this.#isClosed) return;
    this.#failure = failure;
    this.#isClosed = true;
    this.#wake();
  }

  /** A reader of everything that is appended from now on. */
  reader(): EventReader {
    const reader = new EventReader(this);
    this.#readers.add(reader);
    return reader;
  }

  detach(reader: EventReader): void {
    this.#readers.delete(reader);
    this.dropRead();
  }

  /** Texts from that place on, about one batch. */
  from(sequence: number): readonly string[] {
    const first = sequence - this.#start;
    let end = first;
    for (let characters = 0; end < this.#texts.length && characters < BATCH_CHARACTERS; end += 1)
      characters += this.#texts[end]?.length ?? 0;
    return this.#texts.slice(first, end);
  }

  /** Drops what all readers have read. */
  dropRead(): void {
    let least = this.end;
    for (const { sequence } of this.#readers) least = Math.min(least, sequence);
    if (least > this.#start) this.#drop(least - this.#start);
  }

  onChange(callback: () => void): void {
    this.#waiting.add(callback);
  }

  offChange(callback: () => void): void {
    this.#waiting.delete(callback);
  }

  #half(): number {
    let characters = 0;
    const count = this.#texts.findIndex((text) => (characters += text.length) > this.#characters / 2);
    return Math.max(count, 1);
  }

  #drop(count: number): void {
    for (const text of this.#texts.splice(0, count)) this.#characters -= text.length;
    this.#start += count;
  }

  #wake(): void {
    for (const tell of this.#waiting) tell();
  }
}

/** A place in the log. Disposing it only stops the reading. */
export class EventReader implements Disposable {
  readonly #log: EventLog;
  #sequence: number;

  constructor(log: EventLog) {
    this.#log = log;
    this.#sequence = log.end;
  }

  get sequence(): number {
    return this.#sequence;
  }

  /**
   * Waits for events. `lost` when events were dropped before they were read: the reader goes on with what comes now.
   * Undefined at the end of the log, and when the signal aborts. Throws what made the log fail.
   */
  async next(signal: AbortSignal): Promise<readonly string[] | 'lost' | undefined> {
    await this.#changed(signal);
    if (signal.aborted) return undefined;
    if (this.#sequence < this.#log.start) {
      this.#sequence = this.#log.end;
      this.#log.dropRead();
      return 'lost';
    }
    const texts = this.#log.from(this.#sequence);
    if (texts.length > 0) {
      this.#sequence += texts.length;
      this.#log.dropRead();
      return texts;
    }
    if (this.#log.failure) throw this.#log.failure;
    return undefined;
  }

  [Symbol.dispose](): void {
    this.#log.detach(this);
  }

  #changed(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal.aborted || this.#log.isClosed || this.#sequence < this.#log.end) {
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
}
