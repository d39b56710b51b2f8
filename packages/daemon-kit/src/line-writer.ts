import { write } from 'node:fs';

/** Lines above this many waiting bytes are dropped and counted: a stalled log reader must never stall the daemon. */
const BACKLOG_LIMIT_BYTES = 1024 * 1024;

/** A pipe that is full and does not block tells nobody when it takes more. */
const FULL_PIPE_RETRY_MS = 20;

/** Gives the descriptor for the next so many bytes. */
export type DescriptorSource = (byteCount: number) => number;

/** Writes lines to a file descriptor in the background, in order, many lines a write. */
export class LineWriter {
  readonly #descriptor: DescriptorSource;
  #waiting: string[] = [];
  #waitingBytes = 0;
  #writing = false;
  #dropped = 0;
  #idle: PromiseWithResolvers<void> | undefined;

  constructor(descriptor: DescriptorSource) {
    this.#descriptor = descriptor;
  }

  /** Queues a line (with its line feed). Never blocks, never throws. */
  readonly writeLine = (line: string): void => {
    if (this.#waitingBytes > BACKLOG_LIMIT_BYTES) {
      this.#dropped += 1;
      return;
    }
    this.#waiting.push(line);
    this.#waitingBytes += line.length;
    if (!this.#writing) {
      this.#writing = true;
      setImmediate(() => this.#writeNext());
    }
  };

  /** Resolves when every line queued so far is out of our hands; for the end of the process. */
  flushed(): Promise<void> {
    if (!this.#writing) return Promise.resolve();
    this.#idle ??= Promise.withResolvers();
    return this.#idle.promise;
  }

  #writeNext(): void {
    const batch = this.#takeBatch();
    if (batch.length === 0) {
      this.#writing = false;
      this.#idle?.resolve();
      this.#idle = undefined;
      return;
    }
    this.#writeAll(this.#descriptor(batch.length), batch);
  }

  #writeAll(fd: number, bytes: Buffer): void {
    write(fd, bytes, (error, written) => {
      if (error?.code === 'EAGAIN') setTimeout(() => this.#writeAll(fd, bytes), FULL_PIPE_RETRY_MS);
      else if (!error && written < bytes.length) this.#writeAll(fd, bytes.subarray(written));
      else this.#writeNext();
    });
  }

  #takeBatch(): Buffer {
    if (this.#dropped > 0) {
      this.#waiting.push(
        `${JSON.stringify({ level: 'warn', msg: 'log lines dropped', lines: this.#dropped })}\n`,
      );
      this.#dropped = 0;
    }
    const batch = Buffer.from(this.#waiting.join(''));
    this.#waiting = [];
    this.#waitingBytes = 0;
    return batch;
  }
}
