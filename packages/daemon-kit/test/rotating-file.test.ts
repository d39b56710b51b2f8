import { mkdtempDisposable, readFile, readdir } from 'node:fs/promises';
import { writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { RotatingFile } from '../src/rotating-file.ts';

const DAY_MS = 24 * 3_600_000;

async function compressed(directory: string): Promise<string[]> {
  for (;;) {
    const names = (await readdir(directory)).filter((name) => name !== 'log');
    if (names.every((name) => name.endsWith('.gz'))) return names.toSorted();
    await delay(5);
  }
}

test('a full file is put aside, compressed, and no byte is lost', async () => {
  await using directory = await mkdtempDisposable(join(tmpdir(), 'rotating-file.'));
  const path = join(directory.path, 'log');
  const file = new RotatingFile(path, { maxBytes: 100, maxFiles: 10, maxAgeMs: DAY_MS });
  const lines = Array.from({ length: 30 }, (_, index) => `line ${index} ${'x'.repeat(10)}\n`);
  for (const line of lines) {
    writeSync(file.descriptorFor(line.length), line);
    await delay(2);
  }
  const aside = await compressed(directory.path);
  expect(aside.length).toBeGreaterThan(3);
  const parts = await Promise.all(aside.map((name) => readFile(join(directory.path, name))));
  const text = parts.map((part) => gunzipSync(part).toString()).join('') + (await readFile(path, 'utf8'));
  expect(text).toBe(lines.join(''));
  file[Symbol.dispose]();
});

test('only so many files are kept, the newest', async () => {
  await using directory = await mkdtempDisposable(join(tmpdir(), 'rotating-file.'));
  const path = join(directory.path, 'log');
  const file = new RotatingFile(path, { maxBytes: 10, maxFiles: 2, maxAgeMs: DAY_MS });
  for (let index = 0; index < 8; index += 1) {
    const line = `number ${index}\n`;
    writeSync(file.descriptorFor(line.length), line);
    await delay(20);
  }
  let aside = await compressed(directory.path);
  while (aside.length > 2) aside = await compressed(directory.path);
  const parts = await Promise.all(aside.map((name) => readFile(join(directory.path, name))));
  expect(parts.map((part) => gunzipSync(part).toString())).toEqual(['number 5\n', 'number 6\n']);
  expect(await readFile(path, 'utf8')).toBe('number 7\n');
  file[Symbol.dispose]();
});
