import { readdirSync, readlinkSync } from 'node:fs';
import { expect, test } from 'vitest';
import { LOG_START } from '../../src/output/log-entry.ts';
import { OutputLostError, OutputReader } from '../../src/output/output-reader.ts';
import type { LogSource } from '../../src/output/output-reader.ts';
import { MIB, appendNumbered, keep, numberedBlock, outputSpace } from '../support/output.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

/** Waits for the next change, aborts after it has begun to wait, and tells whether it came back. */
async function abortWaiting(reader: OutputReader): Promise<boolean> {
  const client = new AbortController();
  const changed = reader.changed(client.signal).then(() => true);
  client.abort();
  return changed;
}

test('aborting a reader that waits makes it return', async () => {
  await using log = outputSpace('').createLog('a', keep);
  await using reader = log.readFromOffset(0);
  expect(await abortWaiting(reader)).toBe(true);
  expect(reader.atEnd).toBe(false);
  log.append([numberedBlock(0, 4)]);
  expect(await reader.available()).toHaveLength(1);
});

test('an aborted wait leaves nothing in the log', async () => {
  const waiting = new Set<() => void>();
  const log: LogSource = {
    end: LOG_START,
    closed: false,
    segments: [],
    memoryFrom: () => [],
    onChange: (callback) => void waiting.add(callback),
    offChange: (callback) => void waiting.delete(callback),
    detach: () => undefined,
  };
  await using reader = new OutputReader(log, 0, () => true);
  const client = new AbortController();
  const changed = reader.changed(client.signal);
  expect(waiting.size).toBe(1);
  client.abort();
  await changed;
  expect(waiting.size).toBe(0);
});

test('a signal that was aborted before does not wait at all', async () => {
  await using log = outputSpace('').createLog('a', keep);
  await using reader = log.readFromOffset(0);
  expect(await reader.changed(AbortSignal.abort())).toBeUndefined();
});

test('there is nothing to wait for while there is something to read, or when the log is closed', async () => {
  await using log = outputSpace('').createLog('a', keep);
  await using reader = log.readFromOffset(0);
  const { signal } = new AbortController();
  log.append([numberedBlock(0, 4)]);
  expect(await reader.changed(signal)).toBeUndefined();
  expect(await reader.available()).toHaveLength(1);
  log.close();
  expect(await reader.changed(signal)).toBeUndefined();
  expect(reader.atEnd).toBe(true);
});

test('a batch from memory or disk is not much larger than 256 KiB', async () => {
  await using directory = await temporaryDirectory();
  await using log = outputSpace(directory.path).createLog('a', keep);
  await appendNumbered(log, 4 * MIB, 16 * 1024);
  log.close();
  await using reader = log.readFromOffset(0);
  while (!reader.atEnd) {
    const entries = await reader.available();
    const size = entries.reduce((sum, { block }) => sum + block.bytes.length, 0);
    expect(size).toBeGreaterThan(0);
    expect(size).toBeLessThanOrEqual(256 * 1024 + 16 * 1024);
  }
});

test('a block larger than a batch comes whole from the disk', async () => {
  await using directory = await temporaryDirectory();
  await using log = outputSpace(directory.path).createLog('a', keep);
  log.append([numberedBlock(0, 2 * MIB), numberedBlock(2 * MIB, 4)]);
  log.close();
  await log.spill();
  await using reader = log.readFromOffset(0);
  const [large] = await reader.available();
  expect(large?.block.bytes.equals(numberedBlock(0, 2 * MIB).bytes)).toBe(true);
  const [small] = await reader.available();
  expect(small?.position).toEqual({ sequence: 1, events: 1, offset: 2 * MIB });
});

test('a reader keeps its file while the segment is dropped, then is told that output is lost', async () => {
  await using directory = await temporaryDirectory();
  await using log = outputSpace(directory.path).createLog('a', keep);
  await appendNumbered(log, 12 * MIB);
  log.close();
  await log.spill();
  await using reader = log.readFromOffset(0);
  const [first] = await reader.available();
  expect(first?.position.offset).toBe(0);
  while (log.segments.length > 1) await log.dropOldestSegment(true);
  await expect(reader.available()).rejects.toThrow(OutputLostError);
});

test('a disposed reader reads nothing more and no longer counts', async () => {
  await using directory = await temporaryDirectory();
  await using log = outputSpace(directory.path).createLog('a', keep);
  log.append([numberedBlock(0, 4)]);
  const reader = log.readFromOffset(0);
  expect(log.hasReaders).toBe(true);
  await reader[Symbol.asyncDispose]();
  expect(log.hasReaders).toBe(false);
  expect(reader.atEnd).toBe(true);
  expect(await reader.available()).toEqual([]);
});

test('a reader disposed while it reads from the disk leaves no file open', async () => {
  await using directory = await temporaryDirectory();
  await using log = outputSpace(directory.path).createLog('a', keep);
  await appendNumbered(log, MIB / 2);
  log.close();
  await log.spill();
  for (let turns = 0; turns < 6; turns += 1) {
    const reader = log.readFromOffset(0);
    const reading = reader.available().catch(() => []);
    for (let turn = 0; turn < turns; turn += 1) await new Promise(setImmediate);
    await reader[Symbol.asyncDispose]();
    await reading;
    expect(openFilesIn(directory.path), `disposed ${turns} turns after the read began`).toEqual([]);
  }
});

function openFilesIn(directory: string): string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      const file = readlinkSync(`/proc/self/fd/${fd}`);
      return file.startsWith(directory) ? [file] : [];
    } catch {
      // The descriptor of this very listing.
      return [];
    }
  });
}
