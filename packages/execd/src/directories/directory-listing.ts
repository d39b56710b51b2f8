import type { Stats } from 'node:fs';
import { fileCalls } from '../filesystem/file-calls.ts';
import { fileFailure } from '../filesystem/file-failure.ts';
import { FileInfoEncoder } from '../filesystem/file-info-encoder.ts';
import { walk } from '../filesystem/walk.ts';
import type { WalkEntry } from '../filesystem/walk.ts';

/**
 * What is in a directory, down to a depth, in the order of the names' bytes, each directory before what it holds
 * (contract §8). What cannot be looked at is skipped and counted, what vanishes meanwhile is skipped.
 */
export class DirectoryListing {
  readonly #path: string;
  readonly #depth: number;
  readonly #calls = fileCalls();
  readonly #encoder = new FileInfoEncoder();
  #skipped = 0;

  constructor(path: string, depth: number) {
    this.#path = path;
    this.#depth = depth;
  }

  /** Directories and files that could not be looked at so far. */
  get skipped(): number {
    return this.#skipped;
  }

  /** No limit leaves anything out. */
  readonly truncated = false;

  /** Writes each FileInfo as JSON and waits where the writer does. Throws for a directory that cannot be read. */
  async produce(write: (json: string) => void | Promise<void>, signal: AbortSignal): Promise<void> {
    try {
      await walk(
        this.#path,
        {
          visit: (entry) => this.#visit(entry, write),
          unreadable: () => void (this.#skipped += 1),
        },
        { depth: this.#depth, signal },
      );
    } catch (error) {
      throw signal.aborted ? error : fileFailure(error, 'error listing directory');
    }
  }

  #visit(entry: WalkEntry, write: (json: string) => void | Promise<void>): void | Promise<void> {
    try {
      const stats = this.#calls.lstat(entry.systemPath);
      if (!(stats instanceof Promise)) return this.#report(entry, stats, write);
      return stats.then(
        (known) => this.#report(entry, known, write),
        () => void (this.#skipped += 1),
      );
    } catch {
      this.#skipped += 1;
    }
  }

  #report(
    entry: WalkEntry,
    stats: Stats | undefined,
    write: (json: string) => void | Promise<void>,
  ): void | Promise<void> {
    if (stats) return write(this.#encoder.encode(entry.path, stats));
  }
}
