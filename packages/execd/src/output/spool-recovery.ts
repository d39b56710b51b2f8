import { open, readFile, readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { positionAfter } from './log-entry.ts';
import type { LogPosition } from './log-entry.ts';
import type { OutputStream } from './output-block.ts';
import type { LogPast } from './output-log.ts';
import { SEGMENT_HEADER_BYTES, decodeRecord, decodeSegmentHeader, recordSize } from './spool-record.ts';
import type { SpoolSegment } from './spool.ts';

const CR = 13;

/** The output of a process as an earlier daemon left it on disk. */
export interface RecoveredOutput {
  readonly past: LogPast;
  /** How many bytes of each stream lie before the end of what is on disk. */
  readonly bytes: Readonly<Record<OutputStream, number>>;
  /** Whether the last byte of the stream on disk is CR: a LF that follows belongs to that line end. */
  readonly endsWithCarriageReturn: Readonly<Record<OutputStream, boolean>>;
}

/** Finds the segments of a log in a directory; undefined when there are none that can be read. Never rejects. */
export async function recoverOutput(directory: string, name: string): Promise<RecoveredOutput | undefined> {
  try {
    const heads = await Promise.all((await segmentFiles(directory, name)).map(readHead));
    const last = heads.at(-1);
    return last && heads.every((head) => head !== undefined)
      ? joinSegments(heads, await readTail(last))
      : undefined;
  } catch {
    // Removed, or not to be read: the output is lost then, not the command.
    return undefined;
  }
}

function joinSegments(heads: readonly SegmentHead[], tail: SegmentTail): RecoveredOutput {
  // Each segment ends where the next one begins; only the last has to be gone through.
  const segments = heads.map(({ path, start, size }, index): SpoolSegment => {
    const next = heads[index + 1];
    return next
      ? { path, start, end: next.start, bytes: size }
      : { path, start, end: tail.end, bytes: tail.size };
  });
  return {
    past: { segments, stderrBytes: tail.stderrBytes, end: tail.end },
    bytes: { stdout: tail.end.offset - tail.stderrBytes, stderr: tail.stderrBytes },
    endsWithCarriageReturn: tail.endsWithCarriageReturn,
  };
}

/** Removes the segments of a log from a directory. */
export async function discardOutput(directory: string, name: string): Promise<void> {
  for (const path of await segmentFiles(directory, name)) await unlink(path).catch(() => undefined);
}

/** Removes the segments of all logs but these from a directory. */
export async function discardOthers(directory: string, names: ReadonlySet<string>): Promise<void> {
  for (const file of await readdir(directory).catch(() => [])) {
    const name = SEGMENT_FILE.exec(file)?.[1];
    if (name !== undefined && !names.has(name)) await unlink(join(directory, file)).catch(() => undefined);
  }
}

/** The name of the log and the sequence of its first block. */
const SEGMENT_FILE = /^([0-9a-f]{32})\.\d+$/;

/** Oldest first: a segment's file is called after the sequence of its first block. */
async function segmentFiles(directory: string, name: string): Promise<string[]> {
  const prefix = `${name}.`;
  const names = await readdir(directory).catch(() => []);
  return names
    .filter((file) => file.startsWith(prefix) && /^\d+$/.test(file.slice(prefix.length)))
    .sort((a, b) => Number(a.slice(prefix.length)) - Number(b.slice(prefix.length)))
    .map((file) => join(directory, file));
}

interface SegmentHead {
  readonly path: string;
  readonly start: LogPosition;
  readonly stderrBytes: number;
  /** Of the file. */
  readonly size: number;
}

async function readHead(path: string): Promise<SegmentHead | undefined> {
  await using file = await open(path, 'r');
  const { buffer, bytesRead } = await file.read(
    Buffer.alloc(SEGMENT_HEADER_BYTES),
    0,
    SEGMENT_HEADER_BYTES,
    0,
  );
  const header = decodeSegmentHeader(buffer.subarray(0, bytesRead));
  return header && { path, size: (await file.stat()).size, ...header };
}

interface SegmentTail {
  readonly end: LogPosition;
  readonly stderrBytes: number;
  /** What is behind was not written completely. */
  readonly size: number;
  readonly endsWithCarriageReturn: Record<OutputStream, boolean>;
}

async function readTail({ path, start, stderrBytes }: SegmentHead): Promise<SegmentTail> {
  const content = await readFile(path);
  let end = start;
  let stderr = stderrBytes;
  let at = SEGMENT_HEADER_BYTES;
  const endsWithCarriageReturn = { stdout: false, stderr: false };
  for (;;) {
    const size = recordSize(content, at);
    if (size === undefined || at + size > content.length) break;
    const block = decodeRecord(content, at);
    end = positionAfter({ position: end, block });
    if (block.stream === 'stderr') stderr += block.bytes.length;
    endsWithCarriageReturn[block.stream] = block.kind === 'lines' && block.bytes.at(-1) === CR;
    at += size;
  }
  return { end, stderrBytes: stderr, size: at, endsWithCarriageReturn };
}
