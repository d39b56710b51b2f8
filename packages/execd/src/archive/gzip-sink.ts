import { createGzip } from 'node:zlib';
import type { Gzip } from 'node:zlib';
import type { ByteSink } from './byte-sink.ts';

/** The fastest: archives go over short ways. */
const LEVEL = 1;
const CHUNK_BYTES = 256 * 1024;

/** Packs what it is given and passes it on. Disposing it gives up; `end` comes before that when all is well. */
export class GzipSink implements ByteSink, Disposable {
  readonly #gzip: Gzip = createGzip({ level: LEVEL, chunkSize: CHUNK_BYTES });
  readonly #passing: Promise<void>;
  #failure: unknown;

  constructor(next: ByteSink) {
    this.#passing = this.#passOn(next).catch((error: unknown) => {
      this.#failure = error;
      this.#gzip.destroy();
    });
  }

  write(chunk: Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#gzip.write(chunk, (error) => (error ? reject(this.#failure ?? error) : resolve()));
    });
  }

  /** Packs the rest; resolves when all was passed on. */
  async end(): Promise<void> {
    this.#gzip.end();
    await this.#passing;
    if (this.#failure !== undefined) throw this.#failure;
  }

  [Symbol.dispose](): void {
    this.#gzip.destroy();
  }

  async #passOn(next: ByteSink): Promise<void> {
    for await (const chunk of this.#gzip as AsyncIterable<Buffer>) await next.write(chunk);
  }
}
