import { OUTPUT_HEAD_BYTES, OUTPUT_TYPE, decodeReply } from './replies.ts';
import type { OutputStream, Reply } from './replies.ts';

/** Who takes what the shim says. */
export interface ReplySink {
  reply(reply: Reply): void;
  /** A piece of a child's output, as it came: a view of the chunk that was pushed. */
  output(id: number, stream: OutputStream, bytes: Buffer): void;
}

/** Everything before a frame's body: u32 length, u8 type. */
const HEAD_BYTES = 5;
const STREAMS: readonly OutputStream[] = ['stdout', 'stderr'];
/** No frame but output comes near this. */
const MAX_REPLY_BYTES = 32 * 1024 * 1024;

/**
 * Takes the bytes of the connection in any chunking. Frames that are complete in a chunk are decoded in place; output is
 * passed on as it comes, without waiting for the end of its frame and without a copy.
 */
export class ReplyStream {
  readonly #sink: ReplySink;
  /** The beginning of a frame that is not complete. */
  #held: Buffer | undefined;
  /** The output frame that the next bytes belong to. */
  #outputId = 0;
  #outputStream: OutputStream = 'stdout';
  #outputLeft = 0;

  constructor(sink: ReplySink) {
    this.#sink = sink;
  }

  /** Throws a RangeError for bytes that are no frames of this protocol; the connection cannot be used any more. */
  push(chunk: Buffer): void {
    const bytes = this.#held ? Buffer.concat([this.#held, chunk]) : chunk;
    let at = this.#passOutput(bytes, 0);
    while (bytes.length - at >= HEAD_BYTES) {
      const length = bytes.readUInt32LE(at);
      if (length < 1 || length > MAX_REPLY_BYTES) throw new RangeError(`bad frame length ${length}`);
      const type = bytes[at + 4] ?? 0;
      const body = at + HEAD_BYTES;
      if (type === OUTPUT_TYPE) {
        if (bytes.length - body < OUTPUT_HEAD_BYTES) break;
        this.#beginOutput(length, bytes.subarray(body));
        at = this.#passOutput(bytes, body + OUTPUT_HEAD_BYTES);
        continue;
      }
      const end = body + length - 1;
      if (bytes.length < end) break;
      this.#sink.reply(decodeReply(type, bytes.subarray(body, end)));
      at = end;
    }
    this.#held = at < bytes.length ? bytes.subarray(at) : undefined;
  }

  #beginOutput(length: number, body: Buffer): void {
    const stream = STREAMS[body.readUInt8(4)];
    if (length < 1 + OUTPUT_HEAD_BYTES || !stream) throw new RangeError('output of no stream');
    this.#outputId = body.readUInt32LE(0);
    this.#outputStream = stream;
    this.#outputLeft = length - 1 - OUTPUT_HEAD_BYTES;
  }

  /** Passes on what of the current output frame is there; returns where it ends. */
  #passOutput(bytes: Buffer, at: number): number {
    if (this.#outputLeft === 0) return at;
    const end = Math.min(bytes.length, at + this.#outputLeft);
    if (end === at) return at;
    this.#outputLeft -= end - at;
    this.#sink.output(this.#outputId, this.#outputStream, bytes.subarray(at, end));
    return end;
  }
}
