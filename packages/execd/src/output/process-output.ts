import { LineSplitter } from './line-splitter.ts';
import type { OutputStream } from './output-block.ts';
import type { OutputLog } from './output-log.ts';

const EMPTY = Buffer.alloc(0);

/** What one process writes: its streams are cut into events and appended to its log in the order of arrival. */
export class ProcessOutput {
  readonly log: OutputLog;
  /** Gone with the process. */
  #splitters: Record<OutputStream, LineSplitter> | undefined;
  readonly #bytes: Record<OutputStream, number>;

  /** `before` says how many bytes of each stream came before the first that will be pushed. */
  constructor(log: OutputLog, before: Readonly<Record<OutputStream, number>> = { stdout: 0, stderr: 0 }) {
    this.log = log;
    this.#bytes = { ...before };
    this.#splitters = { stdout: new LineSplitter('stdout'), stderr: new LineSplitter('stderr') };
  }

  /** Bytes written so far by each stream. */
  get bytes(): Readonly<Record<OutputStream, number>> {
    return this.#bytes;
  }

  /** The unfinished line of stdout, which is not in the log yet; valid until the next push. */
  get unfinishedLine(): Buffer {
    return this.#splitters?.stdout.held ?? EMPTY;
  }

  /** Takes bytes as they arrive. A promise asks the caller to read no more before it resolves. */
  readonly push = (stream: OutputStream, chunk: Buffer): Promise<void> | undefined => {
    this.#bytes[stream] += chunk.length;
    const blocks = this.#splitters?.[stream].push(chunk, Date.now()) ?? [];
    if (blocks.length > 0) this.log.append(blocks);
    return this.log.pressure;
  };

  /** The process has ended: unfinished lines become events and the log is closed. */
  end(): void {
    const now = Date.now();
    if (this.#splitters) {
      const blocks = [...this.#splitters.stdout.end(now), ...this.#splitters.stderr.end(now)];
      if (blocks.length > 0) this.log.append(blocks);
    }
    this.#splitters = undefined;
    this.log.close();
  }
}
