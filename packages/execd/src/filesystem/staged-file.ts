import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { promisify } from 'node:util';
import { releaseMemory } from '../os/release-memory.ts';
import type { FileCalls } from './file-calls.ts';

/** What the name of a temporary file beside its target begins with. */
export const STAGED_PREFIX = '.execd-upload-';
/** What those of this process begin with. */
export const OWN_PREFIX = `${STAGED_PREFIX}${randomBytes(6).toString('base64url')}-`;

/** Bytes that are gathered before they are written by way of the thread pool. */
const WRITE_BYTES = 512 * 1024;
/** What is left at the end of a file is written on the spot up to this size, bytes. */
const IMMEDIATE_BYTES = 64 * 1024;

/**
 * Where the bytes go: `memory` takes them on the spot; a `disk` may make a writer wait, so they are copied and written by
 * way of the thread pool.
 */
export type Medium = 'memory' | 'disk';

const { O_APPEND, O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = fs.constants;
const writev = promisify(fs.writev) as (
  fd: number,
  bytes: readonly Buffer[],
) => Promise<{ bytesWritten: number }>;

/** A name for a temporary file, independent of the target's, which may be as long as names can be. */
export function stagedName(): string {
  return OWN_PREFIX + randomBytes(9).toString('base64url');
}

/** A new temporary file that takes bytes in order. Either `close` or `discard` ends it; the path stays its owner's. */
export class StagedFile {
  readonly path: string;
  readonly #calls: FileCalls;
  readonly #descriptor: number;
  readonly #medium: Medium;
  #isOpen = true;
  #gathered: Buffer[] = [];
  #gatheredBytes = 0;
  #writing: Promise<void> | undefined;
  #failure: unknown;

  private constructor(path: string, descriptor: number, calls: FileCalls, medium: Medium) {
    this.path = path;
    this.#descriptor = descriptor;
    this.#medium = medium;
    this.#calls = calls;
  }

  /** Creates the file, at once where the calls are immediate. Throws or rejects with the system's error. */
  static create(
    directory: string,
    mode: number,
    calls: FileCalls,
    medium: Medium = 'disk',
    name = stagedName(),
  ): StagedFile | Promise<StagedFile> {
    const path = `${directory}/${name}`;
    const opened = calls.open(path, O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY, mode);
    if (typeof opened === 'number') return new StagedFile(path, opened, calls, medium);
    return opened.then((descriptor) => new StagedFile(path, descriptor, calls, medium));
  }

  /** Goes on with a file at this offset (bytes), and creates it when it is missing; what was behind is cut off. */
  static async resume(path: string, offset: number, calls: FileCalls): Promise<StagedFile> {
    const flags = O_CREAT | O_NOFOLLOW | O_WRONLY | O_APPEND;
    const descriptor = await calls.open(path, flags, 0o600);
    try {
      await calls.ftruncate(descriptor, offset);
    } catch (error) {
      await calls.close(descriptor);
      throw error;
    }
    return new StagedFile(path, descriptor, calls, 'disk');
  }

  get descriptor(): number {
    return this.#descriptor;
  }

  /**
   * Takes the bytes, which are the caller's again when the promise, if there is one, has settled. It rejects with the
   * system's error, also for an earlier write.
   */
  write(bytes: Buffer): void | Promise<void> {
    if (this.#medium === 'memory') return this.#calls.write(this.#descriptor, bytes);
    this.#gathered.push(Buffer.from(bytes));
    this.#gatheredBytes += bytes.length;
    if (this.#gatheredBytes < WRITE_BYTES) return undefined;
    const before = this.#writing;
    if (before === undefined) {
      this.#startWriting();
      return undefined;
    }
    return before.then(() => {
      this.#throwFailure();
      this.#startWriting();
    });
  }

  /** Writes what is left, and gives the descriptor to `finish` before it is closed. At once for a file in memory. */
  close(finish?: (descriptor: number) => void | Promise<void>): void | Promise<void> {
    if (this.#medium === 'disk' || finish) return this.#finish(finish);
    this.#isOpen = false;
    return this.#calls.close(this.#descriptor);
  }

  async #finish(finish: ((descriptor: number) => void | Promise<void>) | undefined): Promise<void> {
    try {
      if (this.#writing) await this.#writing;
      this.#throwFailure();
      await this.#writeRest();
      const finished = finish?.(this.#descriptor);
      if (finished) await finished;
    } finally {
      this.#isOpen = false;
      await this.#calls.close(this.#descriptor);
    }
  }

  /** Closes and removes the file; what it held is gone. */
  async discard(): Promise<void> {
    await this.#writing;
    if (this.#isOpen) await this.#calls.close(this.#descriptor);
    this.#isOpen = false;
    await this.#calls.unlink(this.path);
  }

  async #writeRest(): Promise<void> {
    if (this.#gatheredBytes > IMMEDIATE_BYTES) {
      this.#startWriting();
      await this.#writing;
      this.#throwFailure();
      return;
    }
    for (const bytes of this.#gathered.splice(0)) await this.#calls.write(this.#descriptor, bytes);
  }

  #startWriting(): void {
    const bytes = this.#gathered;
    this.#gathered = [];
    this.#gatheredBytes = 0;
    this.#writing = writeAll(this.#descriptor, bytes)
      .catch((error: unknown) => {
        this.#failure = error;
      })
      .finally(() => {
        this.#writing = undefined;
        for (const chunk of bytes) releaseMemory(chunk);
      });
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }
}

/** writev(2) may take a part only. */
async function writeAll(descriptor: number, bytes: readonly Buffer[]): Promise<void> {
  let rest = bytes;
  while (rest.length > 0) {
    const { bytesWritten } = await writev(descriptor, rest);
    rest = withoutFirst(rest, bytesWritten);
  }
}

function withoutFirst(chunks: readonly Buffer[], count: number): readonly Buffer[] {
  let left = count;
  for (const [index, chunk] of chunks.entries()) {
    if (left < chunk.length) return [chunk.subarray(left), ...chunks.slice(index + 1)];
    left -= chunk.length;
  }
  return [];
}
