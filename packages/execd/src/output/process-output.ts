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
  /** What comes may begin in the middle of a line whose beginning is lost. */
  readonly beginsInLine: Readonly<Record<OutputStream, boolean>>;
}

const NO_PAST: OutputPast = {
  bytes: { stdout: 0, stderr: 0 },
  repeated: { stdout: 0, stderr: 0 },
  endsWithCarriageReturn: { stdout: false, stderr: false },
  beginsInLine: { stdout: false, stderr: false },
};

/** What one process writes: its streams are cut into events and appended to its log in the order of arrival. */
export class ProcessOutput {
  readonly log: OutputLog;
  /** Gone with the process. */
  #splitters: Record<OutputStream, LineSplitter> | undefined;
  readonly #bytes: Record<OutputStream, number>;
  /** How many bytes will come that the log has already. */
  readonly #repeated: Record<OutputStream, number>;
  readonly #beginsInLine: Record<OutputStream, boolean>;
  /** Whether the output of another daemon comes first. */
  readonly #isCut: boolean;

  constructor(log: OutputLog, past: OutputPast = NO_PAST) {
    this.log = log;
    this.#bytes = { ...past.bytes };
    this.#repeated = { ...past.repeated };
    this.#beginsInLine = { ...past.beginsInLine };
    this.#isCut = past !== NO_PAST;
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
    const chunk = this.#isCut ? this.#dropKnown(stream, bytes) : bytes;
    this.#bytes[stream] += chunk.length;
    const blocks = this.#splitters?.[stream].push(chunk, Date.now()) ?? [];
    if (blocks.length > 0) this.log.append(blocks);
    return this.log.pressure;
  };

  /** Without what the log has already, and without the rest of a line whose beginning is lost. */
  #dropKnown(stream: OutputStream, bytes: Buffer): Buffer {
    const fresh = bytes.subarray(this.#repeated[stream]);
    this.#repeated[stream] -= bytes.length - fresh.length;
    if (!this.#beginsInLine[stream]) return fresh;
    const lineEnd = firstLineEnd(fresh);
    // Behind output of the other stream the rest of the line cannot be left out: it would move what follows.
    if (!this.log.skip(lineEnd)) {
      this.#beginsInLine[stream] = false;
      return fresh;
    }
    this.#bytes[stream] += lineEnd;
    this.#beginsInLine[stream] = lineEnd === fresh.length && !endsLine(fresh);
    return fresh.subarray(lineEnd);
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

const LF = 10;
const CR = 13;

/** Behind the first line end; all bytes when there is none. */
function firstLineEnd(bytes: Buffer): number {
  const end = bytes.findIndex((byte) => byte === LF || byte === CR);
  if (end < 0) return bytes.length;
  return bytes[end] === CR && bytes[end + 1] === LF ? end + 2 : end + 1;
}

function endsLine(bytes: Buffer): boolean {
  const last = bytes.at(-1);
  return last === LF || last === CR;
}
