// oxlint-disable-next-line no-restricted-imports -- Node itself cannot make a pipe
import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync, readFileSync, readSync } from 'node:fs';
import { mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { LineWriter } from '../src/line-writer.ts';

/** A file that is opened for appending, and closed and removed at the end. */
async function logFile() {
  const directory = await mkdtempDisposable(join(tmpdir(), 'daemon-kit-test.'));
  const path = join(directory.path, 'log');
  const fd = openSync(path, 'a');
  return {
    fd,
    content: () => readFileSync(path, 'utf8'),
    async [Symbol.asyncDispose]() {
      closeSync(fd);
      await directory.remove();
    },
  };
}

/** A pipe that refuses to block, as libuv makes stdout. */
async function pipe() {
  const directory = await mkdtempDisposable(join(tmpdir(), 'daemon-kit-test.'));
  const path = join(directory.path, 'pipe');
  execFileSync('mkfifo', [path]);
  const reading = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const fd = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
  const buffer = Buffer.alloc(64 * 1024);
  let text = '';
  /** Everything that could be read so far. */
  const read = () => {
    try {
      for (let size = readSync(reading, buffer); size > 0; size = readSync(reading, buffer)) {
        text += buffer.toString('utf8', 0, size);
      }
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) throw error;
    }
    return text;
  };
  return {
    fd,
    read,
    async [Symbol.asyncDispose]() {
      closeSync(fd);
      closeSync(reading);
      await directory.remove();
    },
  };
}

const LIMIT_MS = 10_000;

async function until(condition: () => boolean): Promise<void> {
  for (const deadline = Date.now() + LIMIT_MS; !condition(); await delay(1)) {
    if (Date.now() > deadline) throw new Error(`waited in vain for ${condition.toString()}`);
  }
}

function numberedLines(count: number): string[] {
  return Array.from({ length: count }, (_line, index) => `${index} ${'x'.repeat(index % 100)}\n`);
}

test('lines reach a file in order', async () => {
  await using file = await logFile();
  const writer = new LineWriter(() => file.fd);
  const lines = numberedLines(3_000);
  for (const [index, line] of lines.entries()) {
    writer.writeLine(line);
    if (index % 100 === 0) await new Promise(setImmediate);
  }
  const expected = lines.join('');
  await until(() => file.content().length >= expected.length);
  expect(file.content()).toBe(expected);
});

test('once flushed, everything that waited is written', async () => {
  await using file = await logFile();
  const writer = new LineWriter(() => file.fd);
  const lines = numberedLines(1_000);
  for (const line of lines) writer.writeLine(line);
  await writer.flushed();
  expect(file.content()).toBe(lines.join(''));
  await writer.flushed();
  expect(file.content()).toBe(lines.join(''));
});

test('what is queued while a write is under way comes behind it', async () => {
  await using file = await logFile();
  const writer = new LineWriter(() => file.fd);
  const first = `${'a'.repeat(500_000)}\n`;
  writer.writeLine(first);
  await new Promise(setImmediate);
  writer.writeLine('b\n');
  await writer.flushed();
  expect(file.content()).toBe(`${first}b\n`);
});

test('lines reach a pipe in order, also when they are more than it holds', async () => {
  await using stdout = await pipe();
  const writer = new LineWriter(() => stdout.fd);
  const lines = numberedLines(10_000);
  for (const line of lines) writer.writeLine(line);
  const expected = lines.join('');
  await until(() => stdout.read().length >= expected.length);
  expect(stdout.read()).toBe(expected);
});

test('a reader that stalls loses lines, is told how many, and gets whole lines only', async () => {
  await using stdout = await pipe();
  const writer = new LineWriter(() => stdout.fd);
  const total = 40_000;
  const line = `${'y'.repeat(99)}\n`;
  for (let count = 0; count < total; count += 1) writer.writeLine(line);
  let notice: RegExpExecArray | null = null;
  await until(() => {
    notice = /\{"level":"warn","msg":"log lines dropped","lines":(\d+)\}\n$/.exec(stdout.read());
    return notice !== null;
  });
  const received = stdout.read().split(line).length - 1;
  const dropped = Number(/"lines":(\d+)/.exec(stdout.read())?.[1]);
  expect(dropped).toBeGreaterThan(total / 2);
  expect(received + dropped).toBe(total);
  expect(stdout.read().replaceAll(line, '')).toMatch(/^\{.*\}\n$/);
  writer.writeLine('later\n');
  await until(() => stdout.read().endsWith('later\n'));
});

test('a closed descriptor is no error for the writer', async () => {
  await using file = await logFile();
  const readOnly = openSync('/dev/null', 'r');
  const writer = new LineWriter(() => readOnly);
  writer.writeLine('lost\n');
  await writer.flushed();
  writer.writeLine('lost, too\n');
  await delay(5);
  closeSync(readOnly);
  expect(file.content()).toBe('');
});
