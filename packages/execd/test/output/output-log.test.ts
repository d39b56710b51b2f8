import { mkdir, readdir, rm } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { OutputLostError } from '../../src/output/output-reader.ts';
import { linesBlock } from '../support/lines.ts';
import {
  MIB,
  appendNumbered,
  follow,
  keep,
  numberedBlock,
  outputSpace,
  readNumbered,
} from '../support/output.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { until } from '../support/until.ts';

/** 8 MiB that wait for the disk, what a log may keep in memory, and one append. */
const MEMORY_BOUND_BYTES = 10 * MIB;

test('readers from the start, the middle and the end see every byte once while 64 MiB are appended', async () => {
  await using directory = await temporaryDirectory();
  await using log = outputSpace(directory.path).createLog('a', keep);
  await using first = log.readFromOffset(0);
  const wholes = [readNumbered(first)];
  await appendNumbered(log, 32 * MIB, 16 * 1024);
  await using middle = log.readFromOffset(16 * MIB);
  await using newest = log.readFromOffset(32 * MIB);
  await using late = log.readFromOffset(0);
  wholes.push(readNumbered(middle), readNumbered(newest), readNumbered(late));
  await appendNumbered(log, 32 * MIB);
  log.close();
  const to = 64 * MIB;
  expect(await Promise.all(wholes)).toEqual([
    { from: 0, to, intact: true },
    { from: 16 * MIB, to, intact: true },
    { from: 32 * MIB, to, intact: true },
    { from: 0, to, intact: true },
  ]);
});

test('memory stays bounded while a reader stands still, and the reader misses nothing', async () => {
  await using directory = await temporaryDirectory();
  await using log = outputSpace(directory.path).createLog('a', keep);
  await using slow = log.readFromOffset(0);
  expect(await slow.available()).toEqual([]);
  const peak = await appendNumbered(log, 64 * MIB);
  expect(peak).toBeLessThan(MEMORY_BOUND_BYTES);
  log.close();
  expect(await readNumbered(slow)).toEqual({ from: 0, to: 64 * MIB, intact: true });
});

test('small blocks count with what they cost beside their bytes', async () => {
  await using directory = await temporaryDirectory();
  await using log = outputSpace(directory.path).createLog('a', keep);
  let peak = 0;
  for (let count = 0; count < 100_000; count += 1) {
    log.append([linesBlock('\n')]);
    peak = Math.max(peak, log.memoryBytes);
    await log.pressure;
  }
  expect(log.end).toEqual({ sequence: 100_000, events: 100_000, offset: 100_000 });
  expect(peak).toBeLessThan(MEMORY_BOUND_BYTES);
  expect(log.memoryBytes).toBeGreaterThan(100_000);
});

test.each([
  { name: 'memory', spilled: false },
  { name: 'disk', spilled: true },
])('a reader in $name starts with the block that holds the wanted event or byte', async ({ spilled }) => {
  await using directory = await temporaryDirectory();
  await using log = outputSpace(directory.path).createLog('a', keep);
  const blocks = ['a\nb\n', 'c\r', '\n', 'd\n\ne\n'];
  let afterCarriageReturn = false;
  for (const text of blocks) {
    log.append([linesBlock(text, { afterCarriageReturn })]);
    afterCarriageReturn = text.endsWith('\r');
  }
  log.close();
  if (spilled) await log.spill();
  expect(log.memoryBytes === 0).toBe(spilled);
  const firstOf = async (reader: ReturnType<typeof log.readFromOffset>) => {
    await using used = reader;
    for await (const { block } of follow(used)) return block.bytes.toString();
    return undefined;
  };
  const afterEvents: (string | undefined)[] = [];
  for (let events = 0; events <= 7; events += 1) afterEvents.push(await firstOf(log.readAfterEvents(events)));
  const [ab, c, lf, de] = blocks;
  expect(afterEvents).toEqual([ab, ab, c, de, de, de, undefined, undefined]);
  const fromOffset: (string | undefined)[] = [];
  for (let offset = 0; offset <= 13; offset += 1) fromOffset.push(await firstOf(log.readFromOffset(offset)));
  expect(fromOffset).toEqual([ab, ab, ab, ab, c, c, lf, de, de, de, de, de, undefined, undefined]);
});

test('a directory removed in the middle: the log goes on, and the lost part is an OutputLostError', async () => {
  await using directory = await temporaryDirectory();
  await using log = outputSpace(directory.path, {
    directory: { ensure: () => mkdir(directory.path, { recursive: true }).then(() => directory.path) },
  }).createLog('a', keep);
  await appendNumbered(log, 16 * MIB);
  await until(() => log.memoryBytes <= MIB);
  await rm(directory.path, { recursive: true });
  await appendNumbered(log, 32 * MIB);
  log.close();
  await using lost = log.readFromOffset(0);
  await expect(readNumbered(lost)).rejects.toThrow(OutputLostError);
  await using later = log.readFromOffset(32 * MIB);
  expect(await readNumbered(later)).toEqual({ from: 32 * MIB, to: 48 * MIB, intact: true });
});

test('without a disk the newest output stays readable, the start moves, and the failure is told once', async () => {
  const failures: unknown[] = [];
  const failure = new Error('no room');
  const space = outputSpace('', {
    directory: { ensure: () => Promise.reject(failure) },
    onSpoolFailure: (error) => failures.push(error),
  });
  await using log = space.createLog('a', keep);
  await using other = space.createLog('b', keep);
  await using behind = log.readFromOffset(0);
  const peak = await appendNumbered(log, 16 * MIB);
  await appendNumbered(other, 16 * MIB);
  log.close();
  expect(peak).toBeLessThan(MEMORY_BOUND_BYTES);
  expect(failures).toEqual([failure]);
  expect(log.start.offset).toBeGreaterThanOrEqual(15 * MIB);
  expect(log.start.offset).toBeLessThan(16 * MIB);
  expect(log.start.events).toBe(log.start.sequence);
  await expect(readNumbered(behind)).rejects.toThrow(OutputLostError);
  await using newest = log.readFromOffset(log.start.offset);
  expect(await readNumbered(newest)).toEqual({ from: log.start.offset, to: 16 * MIB, intact: true });
});

test('a reader that waits goes on at the next append and ends at the close', async () => {
  await using directory = await temporaryDirectory();
  await using log = outputSpace(directory.path).createLog('a', keep);
  await using reader = log.readFromOffset(0);
  const entries = follow(reader);
  for (const offset of [0, 4, 8]) {
    const next = entries.next();
    log.append([numberedBlock(offset, 4)]);
    expect((await next).value?.position.offset).toBe(offset);
  }
  const end = entries.next();
  log.close();
  expect((await end).done).toBe(true);
});

test('spilling moves everything to disk; it reads back the same', async () => {
  await using directory = await temporaryDirectory();
  await using log = outputSpace(directory.path).createLog('a', keep);
  await appendNumbered(log, MIB / 2);
  log.close();
  expect(log.diskBytes).toBe(0);
  await log.spill();
  expect(log.memoryBytes).toBe(0);
  expect(log.diskBytes).toBeGreaterThan(MIB / 2);
  await using reader = log.readFromOffset(0);
  expect(await readNumbered(reader)).toEqual({ from: 0, to: MIB / 2, intact: true });
});

test('disposing removes the files, ends the readers, and gives the room back', async () => {
  await using directory = await temporaryDirectory();
  const space = outputSpace(directory.path);
  const log = space.createLog('a', keep);
  await using reader = log.readFromOffset(0);
  await appendNumbered(log, 16 * MIB);
  await reader.available();
  await until(() => log.diskBytes > 8 * MIB);
  await log[Symbol.asyncDispose]();
  expect(await readdir(directory.path)).toEqual([]);
  expect(reader.atEnd).toBe(true);
  expect(space.retainedBytes).toBe(0);
});

test('disposing in the middle of a write leaves no file', async () => {
  await using directory = await temporaryDirectory();
  const space = outputSpace(directory.path);
  const log = space.createLog('a', keep);
  for (let offset = 0; offset < 12 * MIB; offset += MIB) log.append([numberedBlock(offset, MIB)]);
  expect(log.pressure).toBeDefined();
  await log[Symbol.asyncDispose]();
  expect(await readdir(directory.path)).toEqual([]);
  expect(space.retainedBytes).toBe(0);
  expect(log.pressure).toBeUndefined();
});
