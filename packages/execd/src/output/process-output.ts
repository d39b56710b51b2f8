import { LineSplitter } from './line-splitter.ts';
import type { OutputStream } from './output-block.ts';
import type { OutputLog } from './output-log.ts';

const EMPTY = Buffer.alloc(0);

/** What the log of a process has already, of each stream. */
export interface OutputPast {
  /** How many bytes lie before its end, lost ones among them. */
  readonly bytes: Readonly<Record<OutputStream, number>>;
  /** How many of them will be pushed once more. */
  readonly repeated: Readonly<Record<OutputStream, number>>;
  readonly endsWithCarriageReturn: Readonly<Record<OutputStream, boolean>>;
}

const NO_PAST: OutputPast = {
  bytes: { stdout: 0, stderr: 0 },
  repeated: { stdout: 0, stderr: 0 },
  endsWithCarriageReturn: { stdout: false, stderr: false },
};

/** What one process writes: its streams are cut into events and appended to its log in the order of arrival. */
export class ProcessOutput {
  readonly log: OutputLog;
  /** Gone with the process. */
  #splitters: Record<OutputStream, LineSplitter> | undefined;
  readonly #bytes: Record<OutputStream, number>;
  /** How many bytes will come that the log has already. */
  readonly #repeated: Record<OutputStream, number>;

  constructor(log: OutputLog, past: OutputPast = NO_PAST) {
    this.log = log;
    this.#bytes = { ...past.bytes };
    this.#repeated = { ...past.repeated };
    const splitter = (stream: OutputStream) =>
      new LineSplitter(stream, { afterCarriageReturn: past.endsWithCarriageReturn[stream] });
    this.#splitters = { stdout: splitter('stdout'), stderr: splitter('stderr') };
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
  readonly push = (stream: OutputStream, bytes: Buffer): Promise<void> | undefined => {
    const chunk = this.#repeated[stream] > 0 ? this.#dropRepeated(stream, bytes) : bytes;
    this.#bytes[stream] += chunk.length;
    const blocks = this.#splitters?.[stream].push(chunk, Date.now()) ?? [];
    if (blocks.length > 0) this.log.append(blocks);
    return this.log.pressure;
  };

  #dropRepeated(stream: OutputStream, bytes: Buffer): Buffer {
    const fresh = bytes.subarray(this.#repeated[stream]);
    this.#repeated[stream] -= bytes.length - fresh.length;
    return fresh;
  }

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
