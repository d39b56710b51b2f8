import { write, writeSync } from 'node:fs';

/** Lines above this many waiting bytes are dropped and counted: a stalled log reader must never stall the daemon. */
const BACKLOG_LIMIT_BYTES = 1024 * 1024;

/** Gives the descriptor for the next so many bytes. */
export type DescriptorSource = (byteCount: number) => number;

/** Writes lines to a file descriptor in the background, in order, many lines a write. */
export class LineWriter {
  readonly #descriptor: DescriptorSource;
  #waiting: string[] = [];
  #waitingBytes = 0;
  #writing = false;
  #dropped = 0;

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

  /** Writes what is still waiting; for the end of the process. */
  flush(): void {
    const batch = this.#takeBatch();
    try {
      if (batch.length > 0) writeSync(this.#descriptor(batch.length), batch);
    } catch {
      // EPIPE or EAGAIN: nobody reads the log, and the process is about to end.
    }
  }

  #writeNext(): void {
    const batch = this.#takeBatch();
    if (batch.length === 0) {
      this.#writing = false;
      return;
    }
    this.#writeAll(this.#descriptor(batch.length), batch);
  }

  #writeAll(fd: number, bytes: Buffer): void {
    write(fd, bytes, (error, written) => {
      if (error?.code === 'EAGAIN') setTimeout(() => this.#writeAll(fd, bytes), 20).unref();
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
