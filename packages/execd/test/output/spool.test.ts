import { appendFile, readdir, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { LOG_START, positionAfter } from '../../src/output/log-entry.ts';
import type { LogEntry, LogPosition } from '../../src/output/log-entry.ts';
import { SEGMENT_BYTES, SegmentReader, Spool } from '../../src/output/spool.ts';
import type { SpoolSegment } from '../../src/output/spool.ts';
import { MIB, numberedBlock } from '../support/output.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

function spoolIn(path: string): Spool {
  return new Spool({ ensure: () => Promise.resolve(path) }, 'name');
}

/** Entries of that size, one behind the other from `start` on. */
function entriesFrom(start: LogPosition, count: number, bytes: number): LogEntry[] {
  const entries: LogEntry[] = [];
  let position = start;
  for (let index = 0; index < count; index += 1) {
    const entry = { position, block: numberedBlock(position.offset, bytes) };
    entries.push(entry);
    position = positionAfter(entry);
  }
  return entries;
}

async function readAll(segment: SpoolSegment | undefined): Promise<LogEntry[]> {
  if (!segment) throw new Error('no segment');
  await using reader = new SegmentReader(segment);
  const entries: LogEntry[] = [];
  for (let batch = await reader.read(); batch.length > 0; batch = await reader.read()) entries.push(...batch);
  return entries;
}

test('what was written reads back in order, with its positions', async () => {
  await using directory = await temporaryDirectory();
  await using spool = spoolIn(directory.path);
  const entries = entriesFrom({ sequence: 3, events: 5, offset: 40 }, 100, 8 * 1024);
  await spool.write(entries.slice(0, 40));
  await spool.write(entries.slice(40));
  expect(spool.segments).toHaveLength(1);
  expect(await readAll(spool.segments[0])).toEqual(entries);
});

test('writing nothing makes no file', async () => {
  await using directory = await temporaryDirectory();
  await using spool = spoolIn(directory.path);
  await spool.write([]);
  expect(await readdir(directory.path)).toEqual([]);
});

test('a reader follows a segment that is still written', async () => {
  await using directory = await temporaryDirectory();
  await using spool = spoolIn(directory.path);
  const entries = entriesFrom(LOG_START, 3, 64);
  await spool.write(entries.slice(0, 1));
  const [segment] = spool.segments;
  if (!segment) throw new Error('no segment');
  await using reader = new SegmentReader(segment);
  expect(await reader.read()).toEqual(entries.slice(0, 1));
  expect(await reader.read()).toEqual([]);
  await spool.write(entries.slice(1));
  expect(await reader.read()).toEqual(entries.slice(1));
});

test('segments of some 4 MiB follow each other without a gap, only their owner may read them', async () => {
  await using directory = await temporaryDirectory();
  await using spool = spoolIn(directory.path);
  for (const entry of entriesFrom(LOG_START, 12, MIB)) await spool.write([entry]);
  expect(spool.segments).toHaveLength(3);
  expect(spool.segments[0]?.start).toEqual(LOG_START);
  for (const [index, segment] of spool.segments.entries()) {
    const { size, mode } = await stat(segment.path);
    expect(size).toBe(segment.bytes);
    expect(size).toBeGreaterThanOrEqual(SEGMENT_BYTES);
    expect(mode & 0o777).toBe(0o600);
    if (index > 0) expect(segment.start).toEqual(spool.segments[index - 1]?.end);
  }
  expect(spool.bytes).toBe(spool.segments.reduce((sum, { bytes }) => sum + bytes, 0));
});

test('a sealed spool starts a new segment at the next write', async () => {
  await using directory = await temporaryDirectory();
  await using spool = spoolIn(directory.path);
  const [first, second] = entriesFrom(LOG_START, 2, 64);
  if (!first || !second) throw new Error('two entries are needed');
  await spool.write([first]);
  await spool.seal();
  await spool.write([second]);
  expect(await readAll(spool.segments[0])).toEqual([first]);
  expect(await readAll(spool.segments[1])).toEqual([second]);
});

test('dropping the oldest deletes its file; who has it open reads on', async () => {
  await using directory = await temporaryDirectory();
  await using spool = spoolIn(directory.path);
  const entries = entriesFrom(LOG_START, 64, 16 * 1024);
  await spool.write(entries);
  const [segment] = spool.segments;
  if (!segment) throw new Error('no segment');
  await using reader = new SegmentReader(segment);
  const read = await reader.read();
  await spool.dropOldest();
  expect(await readdir(directory.path)).toEqual([]);
  expect(spool.segments).toEqual([]);
  while (read.length < entries.length) read.push(...(await reader.read()));
  expect(read).toEqual(entries);
});

test('dropping from an empty spool changes nothing', async () => {
  await using spool = spoolIn('/nowhere');
  await spool.dropOldest();
  expect(spool.bytes).toBe(0);
});

test('a file of that name is not overwritten: it may be a trap', async () => {
  await using directory = await temporaryDirectory();
  await using spool = spoolIn(directory.path);
  await writeFile(join(directory.path, 'name.0'), 'mine');
  await expect(spool.write(entriesFrom(LOG_START, 1, 64))).rejects.toMatchObject({ code: 'EEXIST' });
  expect(spool.segments).toEqual([]);
});

test('a truncated file gives the whole records in front of the cut and no half one', async () => {
  await using directory = await temporaryDirectory();
  await using spool = spoolIn(directory.path);
  const entries = entriesFrom(LOG_START, 3, 64);
  await spool.write(entries);
  const [segment] = spool.segments;
  await truncate(segment?.path ?? '', (segment?.bytes ?? 0) - 10);
  expect(await readAll(segment)).toEqual(entries.slice(0, 2));
});

test('bytes that somebody else appended are not read', async () => {
  await using directory = await temporaryDirectory();
  await using spool = spoolIn(directory.path);
  const entries = entriesFrom(LOG_START, 2, 64);
  await spool.write(entries);
  await appendFile(spool.segments[0]?.path ?? '', 'garbage');
  expect(await readAll(spool.segments[0])).toEqual(entries);
});

test('disposing removes every file', async () => {
  await using directory = await temporaryDirectory();
  const spool = spoolIn(directory.path);
  for (const entry of entriesFrom(LOG_START, 9, MIB)) await spool.write([entry]);
  expect(await readdir(directory.path)).toHaveLength(3);
  await spool[Symbol.asyncDispose]();
  expect(await readdir(directory.path)).toEqual([]);
  expect(spool.bytes).toBe(0);
});
