import type { GrepThread } from './grep-thread.ts';
import type { GrepCounts, GrepFile } from './grep-worker.ts';
import type { SearchTurn } from './search-turns.ts';

/** Files that the thread gets at a time. */
const BATCH_FILES = 64;

/** Where lines of JSON go. Whoever writes waits for the promise, if there is one: the client is slow. */
export interface GrepSink {
  write(lines: Uint8Array | string): void | Promise<void>;
}

interface GrepFeedParts {
  readonly thread: GrepThread;
  readonly turn: SearchTurn;
  readonly sink: GrepSink;
  readonly signal: AbortSignal;
}

/**
 * Hands files to a thread, a batch at a time, and what it finds to a sink. While one batch is searched the next may be
 * gathered, and no more. While the client is slow somebody else has the turn.
 */
export class GrepFeed {
  readonly #thread: GrepThread;
  readonly #turn: SearchTurn;
  readonly #sink: GrepSink;
  readonly #client: AbortSignal;
  readonly #failed = new AbortController();
  #batch: GrepFile[] = [];
  #searching: Promise<void> = Promise.resolve();
  #counts: GrepCounts = { files: 0, matches: 0, skipped: 0, binary: 0, longLines: 0, truncated: false };

  constructor({ thread, turn, sink, signal }: GrepFeedParts) {
    this.#thread = thread;
    this.#turn = turn;
    this.#sink = sink;
    this.#client = signal;
    this.signal = AbortSignal.any([signal, this.#failed.signal]);
  }

  /** Aborts when the client leaves, and when the thread fails, with its error. */
  readonly signal: AbortSignal;

  /** Of what was searched so far. */
  get counts(): Readonly<GrepCounts> {
    return this.#counts;
  }

  /** Adds a file. Wait for the promise, if there is one. `'stop'`: nothing more is wanted. */
  add(file: GrepFile): undefined | Promise<undefined | 'stop'> {
    this.#batch.push(file);
    return this.#batch.length < BATCH_FILES ? undefined : this.flush();
  }

  /** Lets the files be searched that were added so far; resolves when that has begun. */
  async flush(): Promise<undefined | 'stop'> {
    await this.#searching;
    if (this.#counts.truncated) return 'stop';
    this.#searching = this.#search(this.#batch);
    this.#searching.catch((error: unknown) => this.#failed.abort(error));
    this.#batch = [];
    return undefined;
  }

  /** Resolves when what was flushed has been searched and written. Rejects with a GrepThreadError. */
  searched(): Promise<void> {
    return this.#searching;
  }

  async #search(files: readonly GrepFile[]): Promise<void> {
    if (files.length === 0) return;
    for await (const { bytes, counts } of this.#thread.search(files, this.#client)) {
      this.#counts = counts;
      const written = bytes.length > 0 ? this.#sink.write(bytes) : undefined;
      if (written instanceof Promise) await this.#wait(written);
    }
  }

  async #wait(written: Promise<void>): Promise<void> {
    this.#turn.pause();
    await written;
    await this.#turn.resume(this.#client);
  }
}
