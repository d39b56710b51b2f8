import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { lineWindow } from '../../src/files/line-window.ts';
import type { LineWindow } from '../../src/files/line-window.ts';
import { chunked, seededRandom } from '../support/random.ts';
import type { Random } from '../support/random.ts';

const MIB = 1024 * 1024;
const FIVE_LINES = 'line1\nline2\nline3\nline4\nline5';
const ALL: LineWindow = { offset: 1, limit: undefined };

/** A file that arrives in these chunks. It counts how many were asked for, and knows whether it was closed. */
class Source {
  readonly #chunks: Iterable<Buffer>;
  asked = 0;
  closed = false;

  constructor(chunks: Iterable<Buffer>) {
    this.#chunks = chunks;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    try {
      for (const chunk of this.#chunks) {
        this.asked += 1;
        await nextTurn();
        yield chunk;
      }
    } finally {
      this.closed = true;
    }
  }
}

async function collect(chunks: Iterable<Buffer>, window: LineWindow): Promise<Buffer[]> {
  const source = (async function* () {
    yield* chunks;
  })();
  return Array.fromAsync(lineWindow(source, window), (piece) => Buffer.from(piece));
}

async function read(bytes: Buffer, window: LineWindow, size = bytes.length): Promise<string> {
  const chunks: Buffer[] = [];
  for (let start = 0; start < bytes.length; start += size) chunks.push(bytes.subarray(start, start + size));
  return Buffer.concat(await collect(chunks, window)).toString('latin1');
}

/** The rules of contract §7.8 on the whole file at once. */
function reference(bytes: Buffer, { offset, limit = Infinity }: LineWindow): string {
  const lines = bytes.toString('latin1').split('\n');
  if (lines.at(-1) === '') lines.pop();
  const wanted = lines.slice(offset - 1, offset - 1 + limit);
  return wanted.map((line) => line.replace(/\r+$/, '')).join('\n');
}

test.each([
  { text: FIVE_LINES, offset: 2, limit: 2, window: 'line2\nline3' },
  { text: FIVE_LINES, offset: 4, limit: undefined, window: 'line4\nline5' },
  { text: FIVE_LINES, offset: 1, limit: 2, window: 'line1\nline2' },
  { text: FIVE_LINES, offset: 1, limit: undefined, window: FIVE_LINES },
  { text: FIVE_LINES, offset: 5, limit: 1, window: 'line5' },
  { text: FIVE_LINES, offset: 5, limit: 100, window: 'line5' },
  { text: FIVE_LINES, offset: 6, limit: undefined, window: '' },
  { text: FIVE_LINES, offset: 1000, limit: 3, window: '' },
  { text: `${FIVE_LINES}\n`, offset: 1, limit: undefined, window: FIVE_LINES },
  { text: `${FIVE_LINES}\n`, offset: 6, limit: undefined, window: '' },
  { text: `${FIVE_LINES}\n\n`, offset: 6, limit: undefined, window: '' },
  { text: `${FIVE_LINES}\n\nx`, offset: 5, limit: 2, window: 'line5\n' },
  { text: '', offset: 1, limit: undefined, window: '' },
  { text: 'a', offset: 1, limit: 1, window: 'a' },
  { text: '\n', offset: 1, limit: undefined, window: '' },
  { text: '\n\n', offset: 1, limit: undefined, window: '\n' },
  { text: 'a\n\n', offset: 1, limit: undefined, window: 'a\n' },
  { text: 'a\n\n', offset: 2, limit: 1, window: '' },
  { text: '\n\n\nb', offset: 1, limit: 2, window: '\n' },
  { text: '\n\n\nb', offset: 2, limit: undefined, window: '\n\nb' },
  { text: 'a\r\nb\r\n', offset: 1, limit: undefined, window: 'a\nb' },
  { text: 'a\r\r\r\nb', offset: 1, limit: undefined, window: 'a\nb' },
  { text: 'a\rb\r\nc\rd', offset: 1, limit: undefined, window: 'a\rb\nc\rd' },
  { text: 'a\r\r', offset: 1, limit: undefined, window: 'a' },
  { text: 'a\r\r', offset: 2, limit: undefined, window: '' },
  { text: '\r', offset: 1, limit: undefined, window: '' },
  { text: '\r\n\r\n', offset: 1, limit: undefined, window: '\n' },
  { text: 'a\n\r', offset: 1, limit: undefined, window: 'a\n' },
  { text: '\r\ra', offset: 1, limit: undefined, window: '\r\ra' },
  { text: 'a\r\nb\r\nc\r\n', offset: 2, limit: 1, window: 'b' },
  { text: 'a\0b\n\xff\xfe\n', offset: 1, limit: undefined, window: 'a\0b\n\xff\xfe' },
])('contract §7.8: $text from line $offset, at most $limit, reads $window', async (row) => {
  const bytes = Buffer.from(row.text, 'latin1');
  for (const size of [bytes.length, 1, 2, 3, 5]) {
    expect(await read(bytes, row, size)).toBe(row.window);
  }
});

test('contract §7.8: the window is that of the whole file, byte for byte, however it is chunked', async () => {
  for (let seed = 1; seed <= 4_000; seed += 1) {
    const random = seededRandom(seed);
    const bytes = randomBytes(random);
    const window = {
      offset: 1 + random.below(6),
      limit: random.below(2) === 0 ? undefined : 1 + random.below(6),
    };
    const pieces = await collect(chunked(random, bytes, 1 + random.below(30)), window);
    const context = `seed ${seed}, ${JSON.stringify({ ...window, bytes: bytes.toString('latin1') })}`;
    expect(Buffer.concat(pieces).toString('latin1'), context).toBe(reference(bytes, window));
    expect(
      pieces.every(({ length }) => length > 0),
      context,
    ).toBe(true);
  }
});

/** Mostly line ends, among short and long runs of any other bytes. */
function randomBytes(random: Random): Buffer {
  return Buffer.concat(
    Array.from({ length: random.below(40) }, () => {
      const kind = random.below(6);
      if (kind < 2) return Buffer.from('\n');
      if (kind === 2) return Buffer.from('\r\n');
      if (kind === 3) return Buffer.from('\r'.repeat(1 + random.below(4)));
      return Buffer.alloc(random.below(kind === 4 ? 4 : 40), random.below(256));
    }),
  );
}

test('reading stops with the last wanted line, and the file is closed', async () => {
  const source = new Source(Array.from({ length: 100 }, (_, index) => Buffer.from(`line${index + 1}\n`)));
  const pieces = await Array.fromAsync(lineWindow(source, { offset: 3, limit: 2 }));
  expect(Buffer.concat(pieces).toString()).toBe('line3\nline4');
  expect(source.asked).toBe(4);
  expect(source.closed).toBe(true);
});

test('a reader that leaves closes the file', async () => {
  const source = new Source(Array.from({ length: 100 }, () => Buffer.from('line\n')));
  for await (const piece of lineWindow(source, ALL)) {
    expect(piece.toString()).toBe('line');
    break;
  }
  expect(source.asked).toBe(1);
  expect(source.closed).toBe(true);
});

test('a failure to read reaches the reader', async () => {
  const broken = new Error('EIO: i/o error, read');
  const source = (async function* () {
    yield Buffer.from('a\nb');
    await nextTurn();
    throw broken;
  })();
  const seen: string[] = [];
  const reading = (async () => {
    for await (const piece of lineWindow(source, ALL)) seen.push(piece.toString());
  })();
  await expect(reading).rejects.toBe(broken);
  expect(seen).toEqual(['a\nb']);
});

test('a line longer than any memory streams, chunk by chunk', async () => {
  const source = new Source(Array.from({ length: 1024 }, () => Buffer.alloc(1024, 'x')));
  let bytesRead = 0;
  for await (const piece of lineWindow(source, ALL)) {
    bytesRead += piece.length;
    expect(bytesRead).toBe(source.asked * 1024);
  }
  expect(bytesRead).toBe(MIB);
});

test('chunks without CR go out as they are, not copied and not line by line', async () => {
  const chunk = Buffer.alloc(MIB, 'a line of text\n');
  const [piece, ...more] = await Array.fromAsync(lineWindow(new Source([chunk]), ALL));
  expect(more).toEqual([]);
  expect(piece?.buffer).toBe(chunk.buffer);
  expect(piece?.length).toBe(chunk.at(-1) === 10 ? MIB - 1 : MIB);
});

test('a chunk of CRLF lines goes out as one buffer', async () => {
  const chunk = Buffer.from('a line of text\r\n'.repeat(10_000));
  const [piece, ...more] = await collect([chunk], ALL);
  expect(more).toEqual([]);
  expect(piece?.toString()).toBe('a line of text\n'.repeat(10_000).slice(0, -1));
});

test('a run of CRs that turns out to be inside a line comes out whole, in bounded pieces', async () => {
  const returns = Array.from({ length: 64 }, () => Buffer.alloc(10_000, '\r'));
  const pieces = await collect([Buffer.from('a'), ...returns, Buffer.from('\rb\r')], ALL);
  expect(Buffer.concat(pieces).toString()).toBe(`a${'\r'.repeat(640_001)}b`);
  expect(Math.max(...pieces.map(({ length }) => length))).toBeLessThanOrEqual(64 * 1024);
  expect(
    Buffer.concat(await collect([Buffer.from('a'), ...returns, Buffer.from('\nb')], ALL)).toString(),
  ).toBe('a\nb');
  expect(Buffer.concat(await collect([Buffer.from('a'), ...returns], ALL)).toString()).toBe('a');
});
