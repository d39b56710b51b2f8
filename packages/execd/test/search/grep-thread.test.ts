import { constants } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { GrepThread } from '../../src/search/grep-thread.ts';
import type { GrepCounts } from '../../src/search/grep-worker.ts';
import { linePattern } from '../../src/search/line-pattern.ts';
import { nastyBytes, seededRandom } from '../support/random.ts';
import type { Random } from '../support/random.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const STAYS = new AbortController().signal;
const MIB = 1024 * 1024;

interface Match {
  path: string;
  line: number;
  column: number;
  text: string;
  cut?: true;
  text_column?: number;
}

/** What a thread finds in these files. */
async function grep(
  paths: readonly string[],
  pattern: string,
  options: { isFixed?: boolean; maxMatches?: number; maxMatchesPerFile?: number } = {},
): Promise<{ matches: Match[]; counts: GrepCounts }> {
  await using thread = new GrepThread({
    ...linePattern(pattern, options.isFixed ?? false, false),
    maxMatches: options.maxMatches ?? Infinity,
    maxMatchesPerFile: options.maxMatchesPerFile ?? Infinity,
    openFlags: constants.O_RDONLY,
  });
  await thread.ready(STAYS);
  let text = '';
  let counts: GrepCounts | undefined;
  const files = paths.map((path) => ({ path, accessPath: path }));
  for await (const step of thread.search(files, STAYS)) {
    text += Buffer.from(step.bytes).toString();
    counts = step.counts;
  }
  if (!counts) throw new Error('no step');
  const lines = text.split('\n').slice(0, -1);
  return { matches: lines.map((line) => JSON.parse(line) as Match), counts };
}

/** The same by the plainest means. */
function expected(path: string, bytes: Buffer, pattern: RegExp): Match[] {
  const lines = splitAtLineFeeds(bytes).map((line) => line.toString().replace(/\r$/, ''));
  return lines.flatMap((text, index) => {
    const found = pattern.exec(text);
    if (!found) return [];
    return [{ path, line: index + 1, column: Array.from(text.slice(0, found.index)).length + 1, text }];
  });
}

function splitAtLineFeeds(bytes: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  for (let start = 0; start < bytes.length;) {
    const feed = bytes.indexOf('\n', start);
    const end = feed < 0 ? bytes.length : feed;
    lines.push(bytes.subarray(start, end));
    start = end + 1;
  }
  return lines;
}

/** Lines of all lengths up to some 100 KiB, nasty ones among them, without NUL. */
function randomText(random: Random, length: number): Buffer {
  const parts: Buffer[] = [];
  for (let size = 0; size < length;) {
    const part =
      random.below(20) === 0 ? Buffer.alloc(random.below(100_000), 'filler ') : nastyBytes(random, 12);
    parts.push(part);
    size += part.length;
  }
  const bytes = Buffer.concat(parts);
  for (let at = bytes.indexOf(0); at >= 0; at = bytes.indexOf(0, at)) bytes[at] = 1;
  return bytes;
}

test.each([
  { pattern: 'letters', isFixed: true },
  { pattern: 'letters.*text', isFixed: false },
  { pattern: '€|^\\s*$', isFixed: false },
  { pattern: '\\uFFFD$', isFixed: false },
  { pattern: '"', isFixed: true },
])(
  '$pattern is found in the lines where plain JavaScript finds it, across chunks',
  async ({ pattern, isFixed }) => {
    await using directory = await temporaryDirectory();
    for (const seed of [1, 2]) {
      const path = join(directory.path, `file-${seed}`);
      const bytes = randomText(seededRandom(seed), 2.5 * MIB);
      await writeFile(path, bytes);
      const { matches, counts } = await grep([path], pattern, { isFixed });
      const { source, flags } = linePattern(pattern, isFixed, false);
      const wanted = expected(path, bytes, new RegExp(source, flags));
      expect(wanted.length).toBeGreaterThan(10);
      const short = ({ text, cut }: Match) => !cut && text.length <= 4096;
      expect(matches.filter(short)).toEqual(wanted.filter(short));
      expect(matches.map(({ line, column }) => [line, column])).toEqual(
        wanted.map(({ line, column }) => [line, column]),
      );
      expect(counts).toMatchObject({ files: 1, matches: wanted.length, skipped: 0, longLines: 0 });
    }
  },
);

test.each([
  { what: 'an empty file', text: '', lines: [] },
  { what: 'one line feed', text: '\n', lines: [] },
  { what: 'a line without end', text: 'x', lines: [1] },
  { what: 'a line with CR LF', text: 'a\r\nx\r\n', lines: [2] },
  { what: 'a lone CR in a line', text: 'a\rx', lines: [] },
  { what: 'empty lines around', text: '\n\nx\n\n', lines: [3] },
])('^x$ in $what', async ({ text, lines }) => {
  await using directory = await temporaryDirectory();
  const path = join(directory.path, 'file');
  await writeFile(path, text);
  const { matches } = await grep([path], '^x$');
  expect(matches.map(({ line }) => line)).toEqual(lines);
});

test('the part of a long line around its match is handed out, with its place', async () => {
  await using directory = await temporaryDirectory();
  const path = join(directory.path, 'file');
  await writeFile(path, `${'😀'.repeat(10_000)}needle${'b'.repeat(10_000)}\nneedle\n`);
  const { matches } = await grep([path], 'needle');
  expect(matches[0]).toMatchObject({ line: 1, column: 10_001, cut: true, text_column: 9_489 });
  expect(matches[0]?.text).toBe(`${'😀'.repeat(512)}needle${'b'.repeat(4096 - 1024 - 6)}`);
  expect(matches[1]).toEqual({ path, line: 2, column: 1, text: 'needle' });
});

test.each([false, true])(
  'of a line above 1 MiB the first MiB is searched, and what follows it has the right line (with a literal: %s)',
  async (isFixed) => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, 'file');
    const long = `start${'a'.repeat(2.3 * MIB)}start`;
    await writeFile(path, `1\n${long}\n3 start\n${'b'.repeat(1.2 * MIB)}start\nstart`);
    const { matches, counts } = await grep([path], 'start', { isFixed });
    expect(matches.map(({ line, column }) => [line, column])).toEqual([
      [2, 1],
      [3, 3],
      [5, 1],
    ]);
    expect(counts).toMatchObject({ files: 1, longLines: 2 });
  },
);

test('a line of exactly 1 MiB at the end of a file is no long line', async () => {
  await using directory = await temporaryDirectory();
  const path = join(directory.path, 'file');
  await writeFile(path, 'a'.repeat(MIB));
  expect((await grep([path], 'a$')).counts).toMatchObject({ files: 1, matches: 1, longLines: 0 });
});

test('binary files are passed over, unreadable and missing ones are counted, and the others searched', async () => {
  await using directory = await temporaryDirectory();
  const binary = join(directory.path, 'binary');
  const late = join(directory.path, 'late');
  await writeFile(binary, `needle\n${'a'.repeat(32_000)}\0`);
  await writeFile(late, `needle\n${'a'.repeat(33_000)}\0`);
  const { matches, counts } = await grep(
    [binary, join(directory.path, 'none'), directory.path, late],
    'needle',
  );
  expect(matches.map(({ path }) => path)).toEqual([late]);
  expect(counts).toMatchObject({ files: 1, binary: 1, skipped: 2 });
});

test('truncated tells whether there is more than the limit', async () => {
  await using directory = await temporaryDirectory();
  const path = join(directory.path, 'file');
  await writeFile(path, 'x\n'.repeat(5));
  const exact = await grep([path], 'x', { maxMatches: 5 });
  expect(exact.counts).toMatchObject({ matches: 5, truncated: false });
  const fewer = await grep([path, path], 'x', { maxMatches: 4 });
  expect(fewer.matches).toHaveLength(4);
  expect(fewer.counts).toMatchObject({ matches: 4, truncated: true });
  const perFile = await grep([path, path], 'x', { maxMatchesPerFile: 2 });
  expect(perFile.counts).toMatchObject({ files: 2, matches: 4, truncated: false });
});

test('a file of the system that has no size is read to its end', async () => {
  const { matches } = await grep(['/proc/self/status'], '^VmPeak');
  expect(matches).toHaveLength(1);
});

test('a pattern that backtracks for ever is given up, and the thread with it', async () => {
  await using directory = await temporaryDirectory();
  const path = join(directory.path, 'file');
  await writeFile(path, `${'a'.repeat(60)}b\n`);
  await expect(grep([path], '(a+)+$')).rejects.toMatchObject({ code: 'PATTERN_TOO_SLOW' });
});

test('a file with a line that the pattern has not enough stack for is counted, and the next one searched', async () => {
  await using directory = await temporaryDirectory();
  const [hard, easy] = [join(directory.path, 'hard'), join(directory.path, 'easy')];
  await writeFile(hard, 'a'.repeat(MIB));
  await writeFile(easy, 'z');
  const { matches, counts } = await grep([hard, easy], '^(?:(a)|(b)|(c)|(d)|(e)|(f)|(g)|(h))*z');
  expect(matches.map(({ path }) => path)).toEqual([easy]);
  expect(counts).toMatchObject({ files: 1, skipped: 1 });
});

test('a client that leaves ends the wait at once', async () => {
  await using directory = await temporaryDirectory();
  const path = join(directory.path, 'file');
  await writeFile(path, `${'a'.repeat(60)}b\n`);
  await using thread = new GrepThread({
    ...linePattern('(a+)+$', false, false),
    maxMatches: 1,
    maxMatchesPerFile: 1,
    openFlags: constants.O_RDONLY,
  });
  await thread.ready(STAYS);
  const client = new AbortController();
  const step = thread.search([{ path, accessPath: path }], client.signal).next();
  client.abort(new Error('left'));
  await expect(step).rejects.toThrow('left');
});
