import type { OutputBlock } from './output-block.ts';

/** A point between two blocks of a log, counted from the log's start. */
export interface LogPosition {
  /** How many blocks lie before. */
  readonly sequence: number;
  /** How many output events lie before. */
  readonly events: number;
  /** How many raw output bytes lie before. */
  readonly offset: number;
}

export const LOG_START: LogPosition = { sequence: 0, events: 0, offset: 0 };

/** A block with its place in the log. */
export interface LogEntry {
  readonly position: LogPosition;
  readonly block: OutputBlock;
}

/** The position behind the entry. */
export function positionAfter({ position, block }: LogEntry): LogPosition {
  return {
    sequence: position.sequence + 1,
    events: position.events + block.eventCount,
    offset: position.offset + block.bytes.length,
  };
}
