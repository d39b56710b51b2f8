import type { LogPosition } from './log-entry.ts';
import type { OutputBlock } from './output-block.ts';

/**
 * A block on disk: a fixed header, then its bytes. Little-endian:
 * u8 stream, u8 flags, u16 unused, u32 byte length, u32 event count, f64 timestamp (Unix ms).
 */
export const RECORD_HEADER_BYTES = 20;

const STDERR_FLAG = 1;
const FRAGMENT_FLAG = 1;
const AFTER_CR_FLAG = 2;

/**
 * What a segment begins with, so that it can be read by who did not write it. Little-endian f64: sequence, events and
 * offset of its first block, and how many of the bytes before are stderr's.
 */
export const SEGMENT_HEADER_BYTES = 32;

export function encodeSegmentHeader({ sequence, events, offset }: LogPosition, stderrBytes: number): Buffer {
  const header = Buffer.alloc(SEGMENT_HEADER_BYTES);
  for (const [index, value] of [sequence, events, offset, stderrBytes].entries())
    header.writeDoubleLE(value, index * 8);
  return header;
}

/** Undefined for bytes that are no such header. */
export function decodeSegmentHeader(bytes: Buffer): { start: LogPosition; stderrBytes: number } | undefined {
  if (bytes.length < SEGMENT_HEADER_BYTES) return undefined;
  const [sequence = NaN, events = NaN, offset = NaN, stderrBytes = NaN] = [0, 8, 16, 24].map((at) =>
    bytes.readDoubleLE(at),
  );
  const isWhole = [sequence, events, offset, stderrBytes].every((value) => Number.isSafeInteger(value));
  return isWhole ? { start: { sequence, events, offset }, stderrBytes } : undefined;
}

/** The header of a block's record. */
export function encodeRecordHeader(block: OutputBlock): Buffer {
  const header = Buffer.alloc(RECORD_HEADER_BYTES);
  header[0] = block.stream === 'stderr' ? STDERR_FLAG : 0;
  header[1] =
    (block.kind === 'fragment' ? FRAGMENT_FLAG : 0) | (block.afterCarriageReturn ? AFTER_CR_FLAG : 0);
  header.writeUInt32LE(block.bytes.length, 4);
  header.writeUInt32LE(block.eventCount, 8);
  header.writeDoubleLE(block.timestamp, 12);
  return header;
}

/** Size of the record that starts at `start`, or undefined while its header is not complete. */
export function recordSize(bytes: Buffer, start: number): number | undefined {
  if (bytes.length - start < RECORD_HEADER_BYTES) return undefined;
  return RECORD_HEADER_BYTES + bytes.readUInt32LE(start + 4);
}

/** The block of the complete record at `start`; it shares the memory of `bytes`. */
export function decodeRecord(bytes: Buffer, start: number): OutputBlock {
  const flags = bytes[start + 1] ?? 0;
  const dataStart = start + RECORD_HEADER_BYTES;
  return {
    stream: bytes[start] === STDERR_FLAG ? 'stderr' : 'stdout',
    kind: flags & FRAGMENT_FLAG ? 'fragment' : 'lines',
    afterCarriageReturn: (flags & AFTER_CR_FLAG) !== 0,
    eventCount: bytes.readUInt32LE(start + 8),
    timestamp: bytes.readDoubleLE(start + 12),
    bytes: bytes.subarray(dataStart, dataStart + bytes.readUInt32LE(start + 4)),
  };
}
