import { closeSync, createReadStream, createWriteStream, fstatSync, openSync, renameSync } from 'node:fs';
import { readdir, stat, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';

export interface RotationLimits {
  /** Size at which a file is put aside, bytes. */
  readonly maxBytes: number;
  /** How many files that were put aside are kept. */
  readonly maxFiles: number;
  /** How long they are kept, ms. */
  readonly maxAgeMs: number;
}

/** A file that is appended to, and put aside as `NAME.<time>.gz` when it is full. */
export class RotatingFile implements Disposable {
  readonly #path: string;
  readonly #limits: RotationLimits;
  #fd: number;
  #bytes: number;

  /** Throws the system's error when the file cannot be opened for appending. */
  constructor(path: string, limits: RotationLimits) {
    this.#path = path;
    this.#limits = limits;
    this.#fd = openSync(path, 'a', 0o600);
    this.#bytes = fstatSync(this.#fd).size;
  }

  /** Where the next bytes go; they may begin a new file. */
  descriptorFor(byteCount: number): number {
    if (this.#bytes > 0 && this.#bytes + byteCount > this.#limits.maxBytes) this.#rotate();
    this.#bytes += byteCount;
    return this.#fd;
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }

  #rotate(): void {
    const aside = `${this.#path}.${new Date().toISOString().replaceAll(':', '-')}`;
    try {
      renameSync(this.#path, aside);
      const fresh = openSync(this.#path, 'a', 0o600);
      closeSync(this.#fd);
      this.#fd = fresh;
    } catch {
      // The directory is gone or full: the old file is still open and takes the lines.
    }
    this.#bytes = 0;
    void compress(aside)
      .then(() => removeSurplus(this.#path, this.#limits))
      .catch(() => undefined);
  }
}

async function compress(path: string): Promise<void> {
  await pipeline(createReadStream(path), createGzip(), createWriteStream(`${path}.gz`, { mode: 0o600 }));
  await unlink(path);
}

async function removeSurplus(path: string, { maxFiles, maxAgeMs }: RotationLimits): Promise<void> {
  const prefix = `${basename(path)}.`;
  const names = await readdir(dirname(path));
  const aside = names.filter((name) => name.startsWith(prefix) && name.endsWith('.gz')).sort();
  const newest = aside.slice(-maxFiles);
  for (const name of aside) {
    const file = join(dirname(path), name);
    const { mtimeMs } = await stat(file);
    if (!newest.includes(name) || Date.now() - mtimeMs > maxAgeMs) await unlink(file);
  }
}
