import { readdir } from 'node:fs/promises';
import { expect, test } from 'vitest';
import type { OutputLog } from '../../src/output/output-log.ts';
import type { OutputSpace } from '../../src/output/output-space.ts';
import { MIB, appendNumbered, keep, outputSpace, readNumbered } from '../support/output.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { until } from '../support/until.ts';

/** A log that notes its name when it is evicted. */
function evictableLog(space: OutputSpace, name: string, evicted: string[]): OutputLog {
  const log: OutputLog = space.createLog(name, async () => {
    evicted.push(name);
    space.release(log);
    await log[Symbol.asyncDispose]();
  });
  return log;
}

async function closedLog(space: OutputSpace, name: string, evicted: string[]): Promise<OutputLog> {
  const log = evictableLog(space, name, evicted);
  await appendNumbered(log, MIB / 2);
  log.close();
  return log;
}

test('closed logs go when there is no room, the least recently used first', async () => {
  await using directory = await temporaryDirectory();
  const evicted: string[] = [];
  const space = outputSpace(directory.path, { retainedBytes: 2 * MIB });
  await using a = await closedLog(space, 'a', evicted);
  await using _b = await closedLog(space, 'b', evicted);
  await using _c = await closedLog(space, 'c', evicted);
  space.touch(a);
  expect(evicted).toEqual([]);
  await using running = evictableLog(space, 'running', evicted);
  await appendNumbered(running, MIB / 2);
  await until(() => space.retainedBytes <= 2 * MIB);
  expect(evicted).toEqual(['b']);
  await appendNumbered(running, MIB / 2);
  await until(() => space.retainedBytes <= 2 * MIB);
  expect(evicted).toEqual(['b', 'c']);
  expect(running.start.offset).toBe(0);
});

test('a closed log that somebody reads stays, another one goes', async () => {
  await using directory = await temporaryDirectory();
  const evicted: string[] = [];
  const space = outputSpace(directory.path, { retainedBytes: 2 * MIB });
  await using a = await closedLog(space, 'a', evicted);
  await using _b = await closedLog(space, 'b', evicted);
  await using reader = a.readFromOffset(0);
  await using running = evictableLog(space, 'running', evicted);
  await appendNumbered(running, 1.25 * MIB);
  await until(() => space.retainedBytes <= 2 * MIB);
  expect(evicted).toEqual(['b']);
  expect(await readNumbered(reader)).toEqual({ from: 0, to: MIB / 2, intact: true });
});

test('a running log loses its oldest output when there is no room, and keeps the rest whole', async () => {
  await using directory = await temporaryDirectory();
  const space = outputSpace(directory.path, { retainedBytes: 16 * MIB });
  await using log = space.createLog('running', keep);
  await appendNumbered(log, 64 * MIB);
  await until(() => log.memoryBytes <= MIB && space.retainedBytes <= 16 * MIB);
  // What is on disk and still in memory counts once.
  expect(space.retainedBytes).toBeGreaterThanOrEqual(log.diskBytes);
  expect(space.retainedBytes).toBeLessThanOrEqual(log.memoryBytes + log.diskBytes);
  log.close();
  const from = log.start.offset;
  expect(from).toBeGreaterThanOrEqual(48 * MIB);
  expect(from).toBeLessThan(64 * MIB);
  await using reader = log.readFromOffset(from);
  expect(await readNumbered(reader)).toEqual({ from, to: 64 * MIB, intact: true });
  const segments = await readdir(directory.path);
  expect(segments.toSorted()).toEqual(
    log.segments.map(({ path }) => path.slice(directory.path.length + 1)).toSorted(),
  );
});

test('the books are at zero when every log is gone', async () => {
  await using directory = await temporaryDirectory();
  const space = outputSpace(directory.path, { retainedBytes: 8 * MIB });
  {
    await using one = space.createLog('one', keep);
    await using two = space.createLog('two', keep);
    await appendNumbered(one, 20 * MIB);
    await appendNumbered(two, MIB / 4);
    one.close();
    await one.spill();
    expect(space.retainedBytes).toBeGreaterThan(0);
  }
  expect(space.retainedBytes).toBe(0);
});

test('the longest of the running logs gives first', async () => {
  await using directory = await temporaryDirectory();
  const space = outputSpace(directory.path, { retainedBytes: 32 * MIB });
  await using short = space.createLog('short', keep);
  await using long = space.createLog('long', keep);
  await appendNumbered(short, 10 * MIB);
  await appendNumbered(long, 32 * MIB);
  await until(() => space.retainedBytes <= 32 * MIB);
  expect(short.start.offset).toBe(0);
  expect(long.start.offset).toBeGreaterThan(0);
});

test('a running log with a reader that lags is not trimmed, though there is no room', async () => {
  await using directory = await temporaryDirectory();
  const space = outputSpace(directory.path, { retainedBytes: 4 * MIB });
  await using log = space.createLog('running', keep);
  await using reader = log.readFromOffset(0);
  await appendNumbered(log, 32 * MIB);
  expect(log.start.offset).toBe(0);
  expect(await readNumbered(reader, 32 * MIB)).toEqual({ from: 0, to: 32 * MIB, intact: true });
});

test('behind a reader that moves on, output may go', async () => {
  await using directory = await temporaryDirectory();
  const space = outputSpace(directory.path, { retainedBytes: 4 * MIB });
  await using log = space.createLog('running', keep);
  await using reader = log.readFromOffset(0);
  await appendNumbered(log, 32 * MIB);
  while (reader.sequence < log.end.sequence) await reader.available();
  await appendNumbered(log, 8 * MIB);
  await until(() => log.start.offset > 0);
  expect(await readNumbered(reader, 40 * MIB)).toMatchObject({ to: 40 * MIB, intact: true });
});

test('a reader that lags by more than the backlog loses the oldest output and is told', async () => {
  await using directory = await temporaryDirectory();
  const space = outputSpace(directory.path, { retainedBytes: 4 * MIB, backlogBytes: 8 * MIB });
  await using log = space.createLog('running', keep);
  await using reader = log.readFromOffset(0);
  await appendNumbered(log, 32 * MIB);
  await until(() => log.memoryBytes <= MIB && log.diskBytes <= 8 * MIB);
  await expect(readNumbered(reader)).rejects.toMatchObject({ name: 'OutputLostError' });
});

test('when memory runs short, closed logs move to disk and running ones keep little', async () => {
  await using directory = await temporaryDirectory();
  const evicted: string[] = [];
  const space = outputSpace(directory.path, { memoryBytes: MIB });
  await using a = await closedLog(space, 'a', evicted);
  await using b = await closedLog(space, 'b', evicted);
  await using running = evictableLog(space, 'running', evicted);
  await appendNumbered(running, MIB);
  await until(() => a.memoryBytes + b.memoryBytes + running.memoryBytes <= MIB);
  expect(a.memoryBytes).toBe(0);
  expect(a.diskBytes).toBeGreaterThan(MIB / 2);
  expect(evicted).toEqual([]);
  await using reader = a.readFromOffset(0);
  expect(await readNumbered(reader)).toEqual({ from: 0, to: MIB / 2, intact: true });
});

test('what is retained is the sum over all logs, and nothing after the last one', async () => {
  await using directory = await temporaryDirectory();
  const space = outputSpace(directory.path);
  const logs = ['a', 'b', 'c'].map((name) => space.createLog(name, keep));
  await Promise.all(logs.map((log) => appendNumbered(log, 4 * MIB)));
  expect(space.retainedBytes).toBe(logs.reduce((sum, log) => sum + log.memoryBytes + log.diskBytes, 0));
  for (const log of logs) {
    space.release(log);
    await log[Symbol.asyncDispose]();
  }
  expect(space.retainedBytes).toBe(0);
  expect(await readdir(directory.path)).toEqual([]);
});
