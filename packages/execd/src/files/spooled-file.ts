import { createReadStream } from 'node:fs';
import { unlink } from 'node:fs/promises';
import { fileCalls } from '../filesystem/file-calls.ts';
import { fileFailure } from '../filesystem/file-failure.ts';
import { StagedFile } from '../filesystem/staged-file.ts';
import type { Staging } from '../filesystem/staging.ts';

/** Bytes that wait on disk until it is known where they belong. Disposing removes them. */
export class SpooledFile implements AsyncDisposable {
  readonly #file: StagedFile;
  #isEnded = false;

  private constructor(file: StagedFile) {
    this.#file = file;
  }

  static async create(staging: Staging): Promise<SpooledFile> {
    try {
      return new SpooledFile(await StagedFile.create(await staging.ensure(), 0o600, fileCalls()));
    } catch (error) {
      throw fileFailure(error, 'error keeping an uploaded file');
    }
  }

  async write(bytes: Buffer): Promise<void> {
    try {
      await this.#file.write(bytes);
    } catch (error) {
      throw fileFailure(error, 'error keeping an uploaded file');
    }
  }

  async end(): Promise<void> {
    this.#isEnded = true;
    await this.#file.close();
  }

  /** Everything that was written, after the end. */
  async *chunks(): AsyncGenerator<Buffer> {
    // A stream opens its file at once, a generator when it is read.
    yield* createReadStream(this.#file.path, { highWaterMark: 256 * 1024 }) as AsyncIterable<Buffer>;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isEnded) await unlink(this.#file.path);
    else await this.#file.discard();
  }
}
