import { execFile } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  closeSync,
  lutimesSync,
  mkdirSync,
  openSync,
  rmSync,
  truncateSync,
} from 'node:fs';
import { link, mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import type { ByteSink } from '../../src/archive/byte-sink.ts';
import { GzipSink } from '../../src/archive/gzip-sink.ts';
import { MemberFilter } from '../../src/archive/member-filter.ts';
import { archiveSource, writeArchive } from '../../src/archive/write-archive.ts';
import { extractionPlace } from '../support/archive.ts';
import { deepTree } from '../support/deep-tree.ts';
import { readTree, writeTree } from '../support/file-tree.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const run = promisify(execFile);
const NEVER = new AbortController().signal;

/** Keeps copies: the chunks are used again. Calls `before` in front of each. */
class Collector implements ByteSink {
  readonly #chunks: Buffer[] = [];
  readonly #before: () => void;

  constructor(before: () => void = () => undefined) {
    this.#before = before;
  }

  write(chunk: Buffer): Promise<void> {
    this.#before();
    this.#chunks.push(Buffer.from(chunk));
    return Promise.resolve();
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }
}

interface Wish {
  readonly include?: readonly string[];
  readonly exclude?: readonly string[];
  readonly sink?: Collector;
}

async function archive(path: string, { include = [], exclude = [], sink = new Collector() }: Wish = {}) {
  const filter = new MemberFilter(include, exclude);
  const skipped = await writeArchive(await archiveSource(path), filter, sink, NEVER);
  expect(sink.bytes.length % 512).toBe(0);
  return { bytes: sink.bytes, skipped };
}

/** The names, as GNU tar shows them. */
async function namesIn(bytes: Buffer): Promise<string[]> {
  await using directory = await temporaryDirectory();
  const file = join(directory.path, 'archive');
  await writeFile(file, bytes);
  const { stdout } = await run('tar', ['--quoting-style=literal', '-tf', file]);
  return stdout.split('\n').slice(0, -1);
}

const LONG = 'a long name, '.repeat(19).slice(0, 240);

describe('what other programs make of it', () => {
  test.each([[['tar', '-x']], [['busybox', 'tar', '-x']]] as [[string, ...string[]]][])(
    '%j',
    async (program) => {
      await using source = await temporaryDirectory();
      await using target = await temporaryDirectory();
      await writeTree(source.path, {
        'a/b/c/file': 'content',
        'empty file': '',
        'empty directory': null,
        'ünï/cödé 日本': 'x',
        [`${LONG}/${LONG}/${LONG}`]: 'long',
        ['n'.repeat(255)]: 'longest',
        ['é'.repeat(127)]: 'longest in letters',
        'line\nend': 'x',
        'a/dangling': { link: '../missing' },
        'long link': { link: 't/'.repeat(200) },
        block: 'x'.repeat(512),
        large: Buffer.alloc(3_000_001, 'large'),
      });
      await link(join(source.path, 'a/b/c/file'), join(source.path, 'a/second name'));
      chmodSync(join(source.path, 'a/b/c/file'), 0o4751);
      chmodSync(join(source.path, 'a/b'), 0o1711);
      for (const name of Object.keys(await readTree(source.path))) {
        lutimesSync(join(source.path, name), 1_000, name.length + (program[0] === 'tar' ? 0.5 : 0));
      }
      const { bytes, skipped } = await archive(source.path);
      expect(skipped).toBe(0);
      const file = join(source.path, 'the archive');
      const before = await readTree(source.path);
      await writeFile(file, bytes);
      const [command, ...options] = program;
      await run(command, [...options, '-p', '-f', file, '-C', target.path]);
      const after = await readTree(target.path);
      // What would be megabytes of a failure's message.
      expect(after['large'] === before['large']).toBe(true);
      delete after['large'];
      delete before['large'];
      expect(after).toEqual(before);
    },
  );

  test('our own extraction has it all back, in a tree deeper than paths are long', async () => {
    await using source = await temporaryDirectory();
    await using _deep = await deepTree(source.path, 3_000);
    const { bytes, skipped } = await archive(source.path);
    expect(skipped).toBe(0);
    await using target = await temporaryDirectory();
    const file = join(target.path, 'archive');
    await writeFile(file, bytes);
    const { stdout } = await run('tar', ['-tf', file], { maxBuffer: 1 << 28 });
    expect(stdout.split('\n').at(-2)).toBe(`${'d/'.repeat(3_000)}bottom`);
  });
});

test('an empty directory is an archive of nothing', async () => {
  await using source = await temporaryDirectory();
  const { bytes } = await archive(source.path);
  expect(bytes).toEqual(Buffer.alloc(1024));
});

test('a file is an archive of itself', async () => {
  await using source = await temporaryDirectory();
  await writeTree(source.path, { 'dir/file': 'content', link: { link: 'dir/file' } });
  expect(await namesIn((await archive(join(source.path, 'dir/file'))).bytes)).toEqual(['file']);
  await using place = await extractionPlace();
  await place.extract((await archive(join(source.path, 'link'))).bytes);
  expect(await readFile(join(place.target, 'link'), 'utf8')).toBe('content');
});

test('a link to a directory is that directory', async () => {
  await using source = await temporaryDirectory();
  await writeTree(source.path, { 'dir/file': 'content', link: { link: 'dir' } });
  expect(await namesIn((await archive(join(source.path, 'link'))).bytes)).toEqual(['file']);
});

test('nothing is 404, a pipe 400', async () => {
  await using source = await temporaryDirectory();
  await run('mkfifo', [join(source.path, 'pipe')]);
  await expect(archiveSource(join(source.path, 'missing'))).rejects.toMatchObject({ kind: 'not-found' });
  await expect(archiveSource(join(source.path, 'pipe'))).rejects.toMatchObject({ kind: 'invalid-argument' });
});

describe('include and exclude', () => {
  const tree = {
    'a.ts': '',
    'src/b.ts': '',
    'src/deep/c.js': '',
    'src/deep/er/d.ts': '',
    'node_modules/x/e.ts': '',
    empty: null,
    'link.ts': { link: 'a.ts' },
  };

  test.each([
    [
      {},
      'a.ts empty/ link.ts node_modules/ node_modules/x/ node_modules/x/e.ts src/ src/b.ts src/deep/ src/deep/c.js src/deep/er/ src/deep/er/d.ts',
    ],
    [
      { exclude: ['node_modules', '*.js'] },
      'a.ts empty/ link.ts src/ src/b.ts src/deep/ src/deep/er/ src/deep/er/d.ts',
    ],
    [{ include: ['*.js'] }, 'src/ src/deep/ src/deep/c.js'],
    [{ include: ['src/**'] }, 'src/ src/b.ts src/deep/ src/deep/c.js src/deep/er/ src/deep/er/d.ts'],
    [{ include: ['*.ts'], exclude: ['src/deep', 'node_modules'] }, 'a.ts link.ts src/ src/b.ts'],
    [{ include: ['nothing'] }, ''],
    [{ include: ['a.ts', 'c.js'] }, 'a.ts src/ src/deep/ src/deep/c.js'],
  ])('%j', async (wish, names) => {
    await using source = await temporaryDirectory();
    await writeTree(source.path, tree);
    expect((await namesIn((await archive(source.path, wish)).bytes)).join(' ')).toBe(names);
  });

  test('a malformed pattern is 400', () => {
    expect(() => new MemberFilter(['[a'], [])).toThrow(expect.objectContaining({ kind: 'invalid-argument' }));
  });
});

describe('what cannot be archived is left out and counted', () => {
  test('pipes, sockets, devices', async () => {
    await using source = await temporaryDirectory();
    await writeTree(source.path, { 'd/file': 'x' });
    await run('mkfifo', [join(source.path, 'd/pipe')]);
    const server = createServer().listen(join(source.path, 'd/socket'));
    await new Promise((resolve) => server.once('listening', resolve));
    const { bytes, skipped } = await archive(source.path);
    expect(await namesIn(bytes)).toEqual(['d/', 'd/file']);
    expect(skipped).toBe(2);
    expect((await archive(source.path, { exclude: ['socket'] })).skipped).toBe(1);
    await new Promise((resolve) => server.close(resolve));
  });

  test('what has a name that is not UTF-8, with all that is below', async () => {
    await using source = await temporaryDirectory();
    const odd = Buffer.concat([Buffer.from(`${source.path}/a`), Buffer.from([0xff])]);
    mkdirSync(odd);
    closeSync(openSync(Buffer.concat([odd, Buffer.from('/below')]), 'w'));
    closeSync(openSync(Buffer.concat([odd, Buffer.from('file')]), 'w'));
    await writeTree(source.path, { b: '', 'with \ufffd': '' });
    const { bytes, skipped } = await archive(source.path);
    expect([await namesIn(bytes), skipped]).toEqual([['b', 'with \ufffd'], 2]);
  });

  test('what vanishes meanwhile', async () => {
    await using source = await temporaryDirectory();
    await writeTree(source.path, {
      'a/large': Buffer.alloc(2_500_000),
      'a/later': 'x',
      'b/file': 'x',
      c: 'x',
    });
    const sink = new Collector(() => {
      for (const name of ['a/later', 'b', 'c'])
        rmSync(join(source.path, name), { recursive: true, force: true });
    });
    const { bytes, skipped } = await archive(source.path, { sink });
    expect(await namesIn(bytes)).toEqual(['a/', 'a/large']);
    expect(skipped).toBeGreaterThanOrEqual(2);
  });
});

describe('a file that changes while it is read keeps the size that its header has', () => {
  const SIZE = 4_000_000;

  test('what is missing is zeros', async () => {
    await using source = await temporaryDirectory();
    await writeTree(source.path, { a: Buffer.alloc(SIZE, 'x'), b: 'behind' });
    const sink = new Collector(() => truncateSync(join(source.path, 'a'), 1_000_000));
    const { bytes } = await archive(source.path, { sink });
    await using place = await extractionPlace();
    await place.extract(bytes);
    const content = await readFile(join(place.target, 'a'));
    expect(content.length).toBe(SIZE);
    expect(content.at(-1)).toBe(0);
    expect(await readFile(join(place.target, 'b'), 'utf8')).toBe('behind');
  });

  test('what is more is left out', async () => {
    await using source = await temporaryDirectory();
    await writeTree(source.path, { a: Buffer.alloc(SIZE, 'x'), b: 'behind' });
    const sink = new Collector(() => appendFileSync(join(source.path, 'a'), 'more'));
    const { bytes } = await archive(source.path, { sink });
    await using place = await extractionPlace();
    await place.extract(bytes);
    expect((await readFile(join(place.target, 'a'))).equals(Buffer.alloc(SIZE, 'x'))).toBe(true);
    expect(await readFile(join(place.target, 'b'), 'utf8')).toBe('behind');
  });
});

describe('when nobody takes the bytes any more', () => {
  const gone = new Error('gone');

  async function largeTree() {
    const source = await temporaryDirectory();
    await mkdir(join(source.path, 'd'));
    for (let index = 0; index < 5; index += 1) {
      await writeFile(join(source.path, 'd', String(index)), Buffer.alloc(1_000_000, 'x'));
    }
    return source;
  }

  test.each(['tar', 'tar.gz'])('the writing of a %s ends, and every file is closed', async (format) => {
    await using source = await largeTree();
    let chunks = 0;
    const broken: ByteSink = {
      write: () => ((chunks += 1) > 1 ? Promise.reject(gone) : Promise.resolve()),
    };
    using gzip = new GzipSink(broken);
    const filter = new MemberFilter([], []);
    // Little comes out of the packer before its end.
    const writing = writeArchive(
      await archiveSource(source.path),
      filter,
      format === 'tar' ? broken : gzip,
      NEVER,
    );
    await expect(writing.then(() => gzip.end())).rejects.toBe(gone);
  });

  test('a signal ends it too', async () => {
    await using source = await largeTree();
    const left = new AbortController();
    const sink = new Collector(() => left.abort(gone));
    const writing = writeArchive(
      await archiveSource(source.path),
      new MemberFilter([], []),
      sink,
      left.signal,
    );
    await expect(writing).rejects.toBe(gone);
  });
});

test('packed, it is the same archive', async () => {
  await using source = await temporaryDirectory();
  await writeTree(source.path, { a: Buffer.alloc(3_000_000, 'some text'), b: 'x' });
  const { bytes } = await archive(source.path);
  const packed = new Collector();
  using gzip = new GzipSink(packed);
  await writeArchive(await archiveSource(source.path), new MemberFilter([], []), gzip, NEVER);
  await gzip.end();
  expect(packed.bytes.length).toBeLessThan(100_000);
  expect(gunzipSync(packed.bytes).equals(bytes)).toBe(true);
});
