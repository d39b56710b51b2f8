import type { Stats } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { basename } from 'node:path';
import { ServiceError } from '@pod-agent/daemon-kit/service-error';
import { fileCalls } from '../filesystem/file-calls.ts';
import { fileFailure, fileNotFound } from '../filesystem/file-failure.ts';
import { FileInfoEncoder } from '../filesystem/file-info-encoder.ts';
import { GlobError } from '../filesystem/glob.ts';
import { walk } from '../filesystem/walk.ts';
import type { VisitResult, WalkEntry } from '../filesystem/walk.ts';
import { EntryPattern } from './entry-pattern.ts';

/** What is looked for, and where. */
export interface FileSearchRequest {
  /** Absolute. */
  readonly root: string;
  /** A glob for base names or for paths relative to the root. */
  readonly pattern: string;
  /** Whether names with a dot in front, and what is below them, are looked at. */
  readonly hidden: boolean;
  /** Says for the real path of what a symbolic link leads to whether it may be followed; without it none is. */
  readonly follow: ((realPath: string) => boolean) | undefined;
  /** How many files are found at the most. */
  readonly limit: number;
}

type Writer = (json: string) => void | Promise<void>;

/**
 * Finds what is not a directory below a root, depth first and in the order of the names' bytes (contract §7.5). A root
 * that is no directory is itself what may be found. What cannot be looked at is skipped and counted.
 */
export class FileSearch {
  readonly #request: FileSearchRequest;
  readonly #calls = fileCalls();
  readonly #encoder = new FileInfoEncoder();
  #found = 0;
  #skipped = 0;
  #truncated = false;

  constructor(request: FileSearchRequest) {
    this.#request = request;
  }

  /** Directories and files that could not be looked at so far. */
  get skipped(): number {
    return this.#skipped;
  }

  /** Whether the limit left something out. */
  get truncated(): boolean {
    return this.#truncated;
  }

  /**
   * Writes the FileInfo of each file as JSON and waits where the writer does. Throws a ServiceError before anything was
   * written: no root 404, root not readable 403, bad pattern 500; and the signal's reason when it aborts.
   */
  async produce(write: Writer, signal: AbortSignal): Promise<void> {
    const { root, hidden, follow } = this.#request;
    try {
      const stats = await this.#lookAtRoot();
      const pattern = compile(this.#request.pattern);
      if (!stats.isDirectory()) {
        const name = basename(root);
        if (pattern.matches({ name, relativePath: name })) await this.#report(root, stats, write);
        return;
      }
      const visitor = {
        visit: (entry: WalkEntry) => this.#visit(entry, pattern, write),
        unreadable: () => void (this.#skipped += 1),
      };
      await walk(root, visitor, { hidden, signal, ...(follow ? { follow } : {}) });
    } catch (error) {
      throw signal.aborted ? error : fileFailure(error, 'error searching files');
    }
  }

  async #lookAtRoot(): Promise<Stats> {
    const { root, follow } = this.#request;
    const stats = await this.#calls.lstat(root);
    if (stats === undefined) throw fileNotFound(`file not found: ${root}`);
    if (!follow || !stats.isSymbolicLink()) return stats;
    const isAllowed = await realpath(root).then(follow, () => false);
    return (isAllowed ? await this.#calls.stat(root) : undefined) ?? stats;
  }

  #visit(entry: WalkEntry, pattern: EntryPattern, write: Writer): VisitResult | Promise<VisitResult> {
    if (entry.type === 'directory' || !pattern.matches(entry)) return;
    const stats = this.#lookAt(entry);
    if (stats instanceof Promise) return stats.then((known) => this.#report(entry.path, known, write));
    return this.#report(entry.path, stats, write);
  }

  /** Undefined for what vanished and for what cannot be looked at; the latter is counted. */
  #lookAt(entry: WalkEntry): Stats | undefined | Promise<Stats | undefined> {
    const isFollowed = this.#request.follow !== undefined && entry.type !== 'symlink';
    try {
      const stats = this.#calls[isFollowed ? 'stat' : 'lstat'](entry.systemPath);
      return stats instanceof Promise ? stats.catch(() => this.#miss()) : stats;
    } catch {
      return this.#miss();
    }
  }

  #miss(): undefined {
    this.#skipped += 1;
  }

  #report(path: string, stats: Stats | undefined, write: Writer): VisitResult | Promise<VisitResult> {
    if (stats === undefined || stats.isDirectory()) return;
    if (this.#found === this.#request.limit) {
      this.#truncated = true;
      return 'stop';
    }
    this.#found += 1;
    return write(this.#encoder.encode(path, stats));
  }
}

function compile(pattern: string): EntryPattern {
  try {
    return new EntryPattern(pattern);
  } catch (error) {
    if (!(error instanceof GlobError)) throw error;
    const message = `error searching files. invalid pattern ${pattern}: syntax error in pattern`;
    throw new ServiceError('internal', 'RUNTIME_ERROR', message, { cause: error });
  }
}
