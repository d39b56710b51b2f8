import { open, unlink } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { LogEntry, LogPosition } from './log-entry.ts';
import { positionAfter } from './log-entry.ts';
import {
  RECORD_HEADER_BYTES,
  SEGMENT_HEADER_BYTES,
  decodeRecord,
  encodeRecordHeader,
  encodeSegmentHeader,
  recordSize,
} from './spool-record.ts';

/** Old output is given back to the disk a segment at a time. */
export const SEGMENT_BYTES = 4 * 1024 * 1024;
const READ_BYTES = 256 * 1024;

/** The directory that spool files live in; `ensure` makes it again when somebody removed it. */
export interface SpoolDirectory {
  ensure(): Promise<string>;
}

/** One file of consecutive records. */
export interface SpoolSegment {
  readonly path: string;
  readonly start: LogPosition;
  end: LogPosition;
  /** Size on disk, headers included. */
  bytes: number;
}

/** What stands on disk of a log before its first write: segments that an earlier daemon left, or nothing. */
export interface SpoolOrigin {
  readonly segments: readonly SpoolSegment[];
  /** How many of the bytes before the first that will be written are stderr's. */
  readonly stderrBytes: number;
}

const NOTHING: SpoolOrigin = { segments: [], stderrBytes: 0 };

/** The part of a log that is on disk: segments in order, the last one being written. */
export class Spool implements AsyncDisposable {
  readonly #directory: SpoolDirectory;
  readonly #name: string;
  readonly #segments: SpoolSegment[];
  #writing: FileHandle | undefined;
  #bytes: number;
  #stderrBytes: number;

  constructor(directory: SpoolDirectory, name: string, { segments, stderrBytes } = NOTHING) {
    this.#directory = directory;
    this.#name = name;
    this.#segments = [...segments];
    this.#bytes = segments.reduce((sum, { bytes }) => sum + bytes, 0);
    this.#stderrBytes = stderrBytes;
  }

  get segments(): readonly SpoolSegment[] {
    return this.#segments;
  }

  /** Size on disk. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Appends entries, one write. They must follow what is there. Throws the system's error; nothing is half visible.
   */
  async write(entries: readonly LogEntry[]): Promise<void> {
    const [first] = entries;
    const last = entries.at(-1);
    if (!first || !last) return;
    const segment = await this.#segmentFor(first.position);
    const buffers = entries.flatMap(({ block }) => [encodeRecordHeader(block), block.bytes]);
    if (segment.bytes === 0) buffers.unshift(encodeSegmentHeader(first.position, this.#stderrBytes));
    const size = buffers.reduce((sum, buffer) => sum + buffer.length, 0);
    await writeFully(this.#writing, buffers, segment.bytes);
    segment.bytes += size;
    segment.end = positionAfter(last);
    this.#bytes += size;
    for (const { block } of entries) if (block.stream === 'stderr') this.#stderrBytes += block.bytes.length;
  }

  /** Closes the file that is being written; a later write starts a new segment. */
  async seal(): Promise<void> {
    const writing = this.#writing;
    this.#writing = undefined;
    await writing?.close();
  }

  /** Deletes the oldest segment. Readers that have it open can read on. */
  async dropOldest(): Promise<void> {
    const segment = this.#segments.shift();
    if (!segment) return;
    this.#bytes -= segment.bytes;
    if (this.#segments.length === 0) await this.seal();
    await removeFile(segment.path);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.seal();
    const segments = this.#segments.splice(0);
    this.#bytes = 0;
    for (const segment of segments) await removeFile(segment.path);
  }

  async #segmentFor(start: LogPosition): Promise<SpoolSegment> {
    const current = this.#segments.at(-1);
    if (current && this.#writing && current.bytes < SEGMENT_BYTES) return current;
    await this.seal();
    const path = join(await this.#directory.ensure(), `${this.#name}.${start.sequence}`);
    this.#writing = await open(path, 'wx', 0o600);
    const segment = { path, start, end: start, bytes: 0 };
    this.#segments.push(segment);
    return segment;
  }
}

/** Reads the records of one segment in order, starting at its first. */
export class SegmentReader implements AsyncDisposable {
  readonly #segment: SpoolSegment;
  #file: FileHandle | undefined;
  #fileOffset = SEGMENT_HEADER_BYTES;
  #position: LogPosition;

  constructor(segment: SpoolSegment) {
    this.#segment = segment;
    this.#position = segment.start;
  }

  get segment(): SpoolSegment {
    return this.#segment;
  }

  /** The next entries, some 256 KiB of them; none at the end of what is written so far. */
  async read(): Promise<LogEntry[]> {
    const available = this.#segment.bytes - this.#fileOffset;
    if (available <= 0) return [];
    this.#file ??= await open(this.#segment.path, 'r');
    let chunk = await readAt(this.#file, this.#fileOffset, Math.min(READ_BYTES, available));
    const firstSize = recordSize(chunk, 0) ?? RECORD_HEADER_BYTES;
    if (firstSize > chunk.length) chunk = await readAt(this.#file, this.#fileOffset, firstSize);
    return this.#decode(chunk);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file?.close();
    this.#file = undefined;
  }

  #decode(chunk: Buffer): LogEntry[] {
    const entries: LogEntry[] = [];
    let start = 0;
    for (;;) {
      const size = recordSize(chunk, start);
      if (size === undefined || start + size > chunk.length) break;
      const entry = { position: this.#position, block: decodeRecord(chunk, start) };
      entries.push(entry);
      this.#position = positionAfter(entry);
      start += size;
    }
    this.#fileOffset += start;
    return entries;
  }
}

async function writeFully(file: FileHandle | undefined, buffers: Buffer[], position: number): Promise<void> {
  if (!file) throw new Error('spool segment is not open');
  const size = buffers.reduce((sum, buffer) => sum + buffer.length, 0);
  const { bytesWritten } = await file.writev(buffers, position);
  if (bytesWritten === size) return;
  // A short write: what is left goes out on its own, and ENOSPC shows there.
  const rest = Buffer.concat(buffers).subarray(bytesWritten);
  for (let done = 0; done < rest.length;) {
    const result = await file.write(rest, done, rest.length - done, position + bytesWritten + done);
    done += result.bytesWritten;
  }
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafeSlow(length);
  const { bytesRead } = await file.read(buffer, 0, length, position);
  return buffer.subarray(0, bytesRead);
}

async function removeFile(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch {
    // Somebody removed it or its directory: that is what was wanted.
  }
}
