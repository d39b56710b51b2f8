/** Which of the process's streams a byte came from. `stdout` when both were merged. */
export type OutputStream = 'stdout' | 'stderr';

/**
 * A run of output bytes that holds a whole number of events. Bytes are kept exactly as the process wrote them, so the
 * blocks of a log put end to end are the raw output; the events are a pure function of one block (contract §2.7).
 */
export interface OutputBlock {
  readonly stream: OutputStream;
  /** When the last byte of the block was read, Unix ms. */
  readonly timestamp: number;
  /** `lines`: every event ends at a terminator. `fragment`: one event without a terminator. */
  readonly kind: 'lines' | 'fragment';
  /** The byte before this block, in its stream, was CR: a leading LF belongs to that line end. */
  readonly afterCarriageReturn: boolean;
  /** How many events the block holds. May be 0: a LF alone that completes a CRLF. */
  readonly eventCount: number;
  readonly bytes: Buffer;
}
