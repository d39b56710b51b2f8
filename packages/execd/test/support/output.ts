import type { LogEntry } from '../../src/output/log-entry.ts';
import type { OutputBlock } from '../../src/output/output-block.ts';
import type { OutputLog } from '../../src/output/output-log.ts';
import type { OutputReader } from '../../src/output/output-reader.ts';
import { OutputSpace } from '../../src/output/output-space.ts';
import type { OutputSpaceOptions } from '../../src/output/output-space.ts';

export const MIB = 1024 * 1024;

/** Bytes of an endless sequence in which every 4 bytes hold their own place. `offset` and `length` divide by 4. */
function numberedBytes(offset: number, length: number): Buffer {
  const words = Uint32Array.from({ length: length / 4 }, (_word, index) => offset / 4 + index);
  return Buffer.from(words.buffer);
}

/** A block of that sequence, one event. */
export function numberedBlock(offset: number, length: number): OutputBlock {
  const bytes = numberedBytes(offset, length);
  return {
    stream: 'stdout',
    timestamp: offset,
    kind: 'fragment',
    afterCarriageReturn: false,
    eventCount: 1,
    bytes,
  };
}

/** Whether the block holds what was appended at its place. */
function isNumbered({ position, block }: LogEntry): boolean {
  return (
    block.timestamp === position.offset &&
    block.bytes.equals(numberedBytes(position.offset, block.bytes.length))
  );
}

/** Appends `total` bytes at the end of the log and waits whenever the log asks to; returns its peak use of memory. */
export async function appendNumbered(log: OutputLog, total: number, blockBytes = 64 * 1024): Promise<number> {
  let peak = 0;
  for (const end = log.end.offset + total; log.end.offset < end;) {
    log.append([numberedBlock(log.end.offset, blockBytes)]);
    peak = Math.max(peak, log.memoryBytes);
    await log.pressure;
  }
  return peak;
}

/** Every entry until the end of the log, or until the signal aborts. */
export async function* follow(
  reader: OutputReader,
  signal: AbortSignal = new AbortController().signal,
): AsyncGenerator<LogEntry> {
  while (!reader.atEnd && !signal.aborted) {
    const entries = await reader.available();
    yield* entries;
    if (entries.length === 0 && !reader.atEnd) await reader.changed(signal);
  }
}

/** What a reader sees from here to `end`, or to the end of the log: where it began, where it ended, and whether all of it was in its place. */
export async function readNumbered(
  reader: OutputReader,
  end = Number.POSITIVE_INFINITY,
): Promise<{ from: number; to: number; intact: boolean }> {
  let from: number | undefined;
  let to = 0;
  let intact = true;
  for await (const entry of follow(reader)) {
    from ??= entry.position.offset;
    if (entry.position.offset !== to && to !== 0) intact = false;
    if (!isNumbered(entry)) intact = false;
    to = entry.position.offset + entry.block.bytes.length;
    if (to >= end) break;
  }
  return { from: from ?? to, to, intact };
}

/** Room for logs with files in that directory; plenty of it unless told otherwise. */
export function outputSpace(directory: string, options: Partial<OutputSpaceOptions> = {}): OutputSpace {
  return new OutputSpace({
    directory: { ensure: () => Promise.resolve(directory) },
    retainedBytes: 1024 * MIB,
    backlogBytes: 1024 * MIB,
    memoryBytes: 64 * MIB,
    onSpoolFailure: (error) => {
      throw error;
    },
    ...options,
  });
}

/** For a log whose owner does not let go of it. */
export function keep(): Promise<void> {
  return Promise.resolve();
}
