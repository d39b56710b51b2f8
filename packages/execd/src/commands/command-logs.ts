import type { Command } from './command.ts';

/** Raw output of a background command, from a byte offset to what there is now. */
export interface LogSlice {
  /** Offset of the first byte; later than asked for when older output was dropped. */
  readonly start: number;
  /** Offset behind the last byte: the next cursor. */
  readonly end: number;
  bytes(): AsyncIterable<Buffer>;
}

/** The output from `cursor` on. It may end in the middle of a line or of a character (contract §3.5). */
export function sliceLog(command: Command, cursor: number): LogSlice {
  const { log, output } = command;
  const complete = log.end.offset;
  // The line that is still being written is not in the log yet.
  const unfinished = Buffer.from(output.unfinishedLine);
  const end = Math.max(cursor, complete + unfinished.length);
  const start = Math.min(end, Math.max(cursor, log.start.offset));
  return { start, end, bytes: () => readSlice(command, start, complete, unfinished) };
}

async function* readSlice(
  { log }: Command,
  start: number,
  complete: number,
  unfinished: Buffer,
): AsyncGenerator<Buffer> {
  await using reader = log.readFromOffset(start);
  for (let next = start; next < complete;) {
    const entries = await reader.available();
    if (entries.length === 0) return;
    for (const { position, block } of entries) {
      if (position.offset >= complete) break;
      yield block.bytes.subarray(Math.max(0, start - position.offset), complete - position.offset);
      next = position.offset + block.bytes.length;
    }
  }
  yield unfinished.subarray(Math.max(0, start - complete));
}
