import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { WriteEntry } from '@alibaba-group/opensandbox';
import { beforeEach, describe, expect, test } from 'vitest';
import { directoryIn, rejectedTransfer } from '../support/sdk-files.ts';
import { sharedSandbox } from '../support/shared-sandbox.ts';

const isRoot = process.getuid?.() === 0;
const DEFAULT_MODE = 0o777 & ~process.umask();

const { connect, create } = sharedSandbox();

const BYTES = Buffer.from([0x00, 0xff, 0x0d, 0x0a, 0x2d, 0x2d, 0x80, 0xf0, 0x9f, 0x0d, 0x0a]);

async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += size) {
    await nextTurn();
    yield bytes.subarray(start, start + size);
  }
}

const sources: [string, () => WriteEntry['data'], Buffer][] = [
  ['a string', () => 'größe 😀\r\n', Buffer.from('größe 😀\r\n')],
  ['an empty string', () => '', Buffer.alloc(0)],
  ['no data', () => undefined, Buffer.alloc(0)],
  ['a Uint8Array', () => new Uint8Array(BYTES), BYTES],
  [
    'a view of a larger buffer',
    () => Buffer.concat([BYTES, BYTES]).subarray(3, 8),
    Buffer.concat([BYTES]).subarray(3, 8),
  ],
  ['an ArrayBuffer', () => Uint8Array.from(BYTES).buffer, BYTES],
  ['a Blob', () => new Blob([BYTES]), BYTES],
  ['a Blob with a type', () => new Blob(['{"a":1}'], { type: 'application/json' }), Buffer.from('{"a":1}')],
  ['an async iterable', () => inPieces(BYTES, 2), BYTES],
  ['an empty async iterable', () => inPieces(Buffer.alloc(0), 1), Buffer.alloc(0)],
  ['a ReadableStream', () => new Blob([BYTES]).stream(), BYTES],
];

describe('files.writeFiles', () => {
  test.each(sources)('%s', async (_name, data, expected) => {
    await using box = await connect();
    const { files, path } = await directoryIn(box);
    const content = data();
    await files.writeFiles([{ path: `${path}/file`, ...(content === undefined ? {} : { data: content }) }]);
    expect(await readFile(`${path}/file`)).toEqual(expected);
    expect(await readdir(path)).toEqual(['file']);
  });

  test('a stream of 32 MiB from a file', async () => {
    await using box = await connect();
    const { files, path } = await directoryIn(box);
    const content = randomBytes(32 * 1024 * 1024);
    await writeFile(`${path}/source`, content);
    const data = Readable.toWeb(createReadStream(`${path}/source`)) as ReadableStream<Uint8Array>;
    await files.writeFiles([{ path: `${path}/copy`, data }]);
    const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
    expect(digest(await readFile(`${path}/copy`))).toBe(digest(content));
  });

  test('several files, each in a request of its own, with parents that are made', async () => {
    await using box = await connect();
    const { files, path } = await directoryIn(box);
    await files.writeFiles([
      { path: `${path}/a.txt`, data: 'a' },
      { path: `${path}/x/y/b.txt`, data: new TextEncoder().encode('b') },
      { path: `${path}/x/z/c.txt`, data: inPieces(Buffer.from('c'), 1) },
    ]);
    const contents = ['a.txt', 'x/y/b.txt', 'x/z/c.txt'].map((name) => readFile(`${path}/${name}`, 'utf8'));
    expect(await Promise.all(contents)).toEqual(['a', 'b', 'c']);
  });

  test.each([
    [undefined, DEFAULT_MODE],
    [644, 0o644],
    [755, 0o755],
    [600, 0o600],
    [0, DEFAULT_MODE],
  ])('mode %s', async (mode, expected) => {
    await using box = await connect();
    const { files, path } = await directoryIn(box);
    await files.writeFiles([{ path: `${path}/file`, data: 'x', ...(mode === undefined ? {} : { mode }) }]);
    expect((await stat(`${path}/file`)).mode & 0o777).toBe(expected);
  });

  test('an existing file is replaced, whatever its size, and keeps its mode', async () => {
    await using box = await connect();
    const { files, path } = await directoryIn(box);
    await writeFile(`${path}/file`, 'a much longer content', { mode: 0o640 });
    await files.writeFiles([{ path: `${path}/file`, data: 'short' }]);
    expect(await readFile(`${path}/file`, 'utf8')).toBe('short');
    expect((await stat(`${path}/file`)).mode & 0o777).toBe(0o640);
  });

  test.each([
    ['not ASCII', '测试 größe 😀.txt'],
    ['with quotes', `"double" and 'single'.txt`],
    ['with a line feed', 'two\nlines.txt'],
    ['with a backslash', 'back\\slash'],
    ['of 255 bytes', 'n'.repeat(255)],
    ['with query characters', 'a&b=c?d#e+f%41'],
  ])('a name %s, in memory and streamed', async (_name, name) => {
    await using box = await connect();
    const { files, path } = await directoryIn(box);
    await files.writeFiles([
      { path: `${path}/memory/${name}`, data: 'memory' },
      { path: `${path}/stream/${name}`, data: inPieces(Buffer.from('stream'), 3) },
    ]);
    for (const folder of ['memory', 'stream']) {
      expect(await readdir(`${path}/${folder}`)).toEqual([name]);
      expect(await files.readFile(`${path}/${folder}/${name}`)).toBe(folder);
    }
  });

  test('~ is the home directory', async () => {
    const home = await mkdtemp(join(tmpdir(), 'sdk-test.'));
    await using stack = new AsyncDisposableStack();
    stack.defer(() => rm(home, { recursive: true }));
    await using box = await create({ env: { HOME: home } });
    await box.sandbox.files.writeFiles([{ path: '~/file', data: 'home' }]);
    expect(await box.sandbox.files.readFile('~/file')).toBe('home');
    expect(await readdir(home)).toEqual(['file']);
    await box.sandbox.files.deleteFiles(['~/file']);
    await expect(box.sandbox.files.readFile('~/file')).rejects.toMatchObject({ statusCode: 404 });
  });
});

describe('files.writeFiles with an owner', () => {
  beforeEach(({ skip }) => skip(!isRoot, 'only root can give a file away'));

  test.each([
    ['in memory', () => 'x'],
    ['streamed', () => inPieces(Buffer.from('x'), 1)],
  ])('owner and group by name, %s', async (_name, data) => {
    await using box = await connect();
    const { files, path } = await directoryIn(box);
    const owned = { owner: 'nobody', group: 'nogroup', mode: 644 };
    await files.writeFiles([{ path: `${path}/made/file`, data: data(), ...owned }]);
    for (const name of ['made', 'made/file']) {
      const { uid, gid } = await stat(`${path}/${name}`);
      expect([uid, gid]).toEqual([65_534, 65_534]);
    }
  });
});

describe('files.writeFiles that fails', () => {
  test.each([
    ['an unknown owner', { path: 'file', owner: 'bob-nobody-knows' }, 500, 'RUNTIME_ERROR'],
    ['a mode that is none', { path: 'file', mode: 888 }, 500, 'RUNTIME_ERROR'],
    ['a directory as the target', { path: '.' }, 500, 'RUNTIME_ERROR'],
    ['a name of 256 bytes', { path: 'n'.repeat(256) }, 400, 'NAME_TOO_LONG'],
  ])('%s', async (_name, { path: name, ...more }, status, code) => {
    await using box = await connect();
    const { files, path } = await directoryIn(box);
    for (const data of ['x', inPieces(Buffer.from('x'), 1)]) {
      await expect(files.writeFiles([{ path: `${path}/${name}`, data, ...more }])).rejects.toMatchObject(
        rejectedTransfer(`Upload failed (status=${status})`, status, code),
      );
    }
    expect(await readdir(path)).toEqual([]);
  });

  test('an empty path', async () => {
    await using box = await connect();
    await expect(box.sandbox.files.writeFiles([{ path: '', data: 'x' }])).rejects.toMatchObject(
      rejectedTransfer('Upload failed (status=400)', 400, 'INVALID_FILE_METADATA'),
    );
  });

  test('a source that breaks rejects, the old content stays and nothing is left', async () => {
    await using box = await connect();
    const { files, path } = await directoryIn(box);
    await files.writeFiles([{ path: `${path}/file`, data: 'old' }]);
    async function* breaking(): AsyncGenerator<Uint8Array> {
      yield* inPieces(Buffer.alloc(1_000_000, 'x'), 100_000);
      throw new Error('the source broke');
    }
    await expect(files.writeFiles([{ path: `${path}/file`, data: breaking() }])).rejects.toThrow();
    await expect.poll(() => readdir(path)).toEqual(['file']);
    expect(await readFile(`${path}/file`, 'utf8')).toBe('old');
    expect(await box.sandbox.health.ping()).toBe(true);
  });
});
