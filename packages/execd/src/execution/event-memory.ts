/** Room for 64 KiB of one-letter lines. Of a buffer, only what was used once takes memory. */
export const EVENT_BUFFER_BYTES = 2 * 1024 * 1024;

/** Kept for the next chunks, of whatever stream. */
const SPARE_BUFFERS = 4;

/**
 * Buffers for outgoing events, shared by all streams: a stream has one only while its bytes are on their way, so that a
 * thousand idle streams cost nothing.
 */
export class EventMemory {
  readonly #spare: Buffer[] = [];

  take(): Buffer {
    return this.#spare.pop() ?? Buffer.allocUnsafeSlow(EVENT_BUFFER_BYTES);
  }

  /** For buffers that nobody reads or writes any more. */
  give(buffer: Buffer): void {
    if (this.#spare.length < SPARE_BUFFERS) this.#spare.push(buffer);
  }
}
