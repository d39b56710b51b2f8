import { OutputLog } from './output-log.ts';
import type { LogPast, LogSpace } from './output-log.ts';
import type { SpoolDirectory } from './spool.ts';

export interface OutputSpaceOptions {
  directory: SpoolDirectory;
  /** Output of all logs that may be kept, in memory and on disk together, bytes. */
  retainedBytes: number;
  /** What a reader that lags may make one log grow to on disk, bytes; then the reader loses the oldest output. */
  backlogBytes: number;
  /** Output of all logs that may be in memory, bytes. */
  memoryBytes: number;
  /** Called once when the disk refuses output. */
  onSpoolFailure(error: unknown): void;
}

/** One log may keep this much in memory while memory is plenty. */
const ROOMY_LOG_BYTES = 1024 * 1024;
/** And this much when it is not. */
const TIGHT_LOG_BYTES = 16 * 1024;

/**
 * The room that all output logs share, and who has to give some back. Output that an attached reader
 * has not seen yet stays, up to `backlogBytes` a log.
 */
export class OutputSpace implements LogSpace {
  readonly #options: OutputSpaceOptions;
  /** Least recently used first. */
  readonly #logs = new Map<OutputLog, EvictionHandler>();
  #memoryBytes = 0;
  #retainedBytes = 0;
  #spoolFailed = false;
  #tidying: Promise<void> | undefined;

  constructor(options: OutputSpaceOptions) {
    this.#options = options;
  }

  get directory(): SpoolDirectory {
    return this.#options.directory;
  }

  /** Output kept now, bytes. */
  get retainedBytes(): number {
    return this.#retainedBytes;
  }

  /**
   * A new log, which goes on from `past`. `evict` is called when room is needed after the log was closed; it must dispose
   * the log.
   */
  createLog(name: string, evict: EvictionHandler, past?: LogPast): OutputLog {
    const log = new OutputLog(this, name, past);
    this.#logs.set(log, evict);
    return log;
  }

  /** Marks the log as used just now. */
  touch(log: OutputLog): void {
    const evict = this.#logs.get(log);
    if (!evict) return;
    this.#logs.delete(log);
    this.#logs.set(log, evict);
  }

  /** Takes the log off the books; its owner disposes it. */
  release(log: OutputLog): void {
    this.#logs.delete(log);
  }

  memoryLimit(): number {
    return this.#memoryBytes > this.#options.memoryBytes ? TIGHT_LOG_BYTES : ROOMY_LOG_BYTES;
  }

  usageChanged(memoryDelta: number, retainedDelta: number): void {
    this.#memoryBytes += memoryDelta;
    this.#retainedBytes += retainedDelta;
    if (this.#isOverLimit()) this.#tidy();
  }

  spoolFailed(error: unknown): void {
    if (this.#spoolFailed) return;
    this.#spoolFailed = true;
    this.#options.onSpoolFailure(error);
  }

  #isOverLimit(): boolean {
    return this.#memoryBytes > this.#options.memoryBytes || this.#retainedBytes > this.#options.retainedBytes;
  }

  #tidy(): void {
    this.#tidying ??= this.#makeRoom().finally(() => {
      this.#tidying = undefined;
    });
  }

  async #makeRoom(): Promise<void> {
    // Not inside the append that asked for it: evicting may dispose a log whose caller is still running.
    await Promise.resolve();
    await this.#spillClosed();
    await this.#evictClosed();
    await this.#trimLongest();
  }

  /** Output of ended commands goes to disk before that of running ones has to. */
  async #spillClosed(): Promise<void> {
    for (const log of this.#logs.keys()) {
      if (this.#memoryBytes <= this.#options.memoryBytes) return;
      if (log.closed && log.memoryBytes > 0) await log.spill();
    }
  }

  async #evictClosed(): Promise<void> {
    for (const [log, evict] of this.#logs) {
      if (this.#retainedBytes <= this.#options.retainedBytes) return;
      if (log.closed && !log.hasReaders) await evict();
    }
  }

  /** The running logs lose their oldest output, the longest log first. */
  async #trimLongest(): Promise<void> {
    const byLength = [...this.#logs.keys()].sort((a, b) => b.diskBytes - a.diskBytes);
    for (const log of byLength) {
      while (this.#retainedBytes > this.#options.retainedBytes) {
        const force = log.diskBytes > this.#options.backlogBytes;
        if ((await log.dropOldestSegment(force)) === 0) break;
      }
    }
  }
}

/** Forgets a closed log and everything that refers to it. */
export type EvictionHandler = () => Promise<void>;
