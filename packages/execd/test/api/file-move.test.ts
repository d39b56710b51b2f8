import { chmod, lstat, mkdtemp, readFile, readdir, readlink, rm, stat, utimes } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { startExecd } from '../support/execd.ts';
import { EMPTY_SUCCESS, answerOf, failureOf } from '../support/file-calls.ts';
import { readTree, writeTree } from '../support/file-tree.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

/** A directory on another file system than the temporary one, as a rule. */
async function sharedMemoryDirectory(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp('/dev/shm/execd-test-');
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

test('contract §7.3: a file and a directory with all that is in it', async () => {
  await using directory = await temporaryDirectory();
  const d = directory.path;
  await writeTree(d, { a: 'a', 'folder/deep/b': 'b', kept: '' });
  await using execd = await startExecd();
  const moves = [
    { src: `${d}/a`, dest: `${d}/a-moved` },
    { src: `${d}/folder`, dest: `${d}/folder-moved` },
  ];
  expect(await answerOf(await execd.request('POST', '/files/mv', moves))).toEqual(EMPTY_SUCCESS);
  expect((await readdir(d)).sort()).toEqual(['a-moved', 'folder-moved', 'kept']);
  expect(await readFile(`${d}/a-moved`, 'utf8')).toBe('a');
  expect(await readFile(`${d}/folder-moved/deep/b`, 'utf8')).toBe('b');
});

test('contract §7.3: the parents of the destination are made, as mkdir would with 755', async () => {
  await using directory = await temporaryDirectory();
  const d = directory.path;
  await writeTree(d, { a: 'a' });
  await using execd = await startExecd();
  const response = await execd.request('POST', '/files/mv', [{ src: `${d}/a`, dest: `${d}/x/y/a` }]);
  expect(await answerOf(response)).toEqual(EMPTY_SUCCESS);
  expect(await readFile(`${d}/x/y/a`, 'utf8')).toBe('a');
  expect((await stat(`${d}/x/y`)).mode & 0o777).toBe(0o755 & ~process.umask());
});

test.each([
  ['a file', 'file', 'taken'],
  ['a directory', 'file', 'folder'],
  ['an empty directory, for a directory', 'folder', 'empty'],
  ['the source itself', 'file', 'file'],
  ['a symbolic link that points nowhere', 'file', 'dangling'],
])(
  'contract §7.3: the destination is %s: 500, nothing is overwritten and nothing moved',
  async (_name, src, dest) => {
    await using directory = await temporaryDirectory();
    const d = directory.path;
    const entries = { file: 'f', taken: 't', 'folder/x': '', empty: null, dangling: { link: 'nowhere' } };
    await writeTree(d, entries);
    const before = await readTree(d);
    await using execd = await startExecd();
    const response = await execd.request('POST', '/files/mv', [{ src: `${d}/${src}`, dest: `${d}/${dest}` }]);
    expect(await failureOf(response)).toEqual({
      status: 500,
      code: 'RUNTIME_ERROR',
      message: `error accessing file: destination path already exists: ${d}/${dest}`,
    });
    expect(await readTree(d)).toEqual(before);
  },
);

test('contract §7.3: a missing source is 404', async () => {
  await using directory = await temporaryDirectory();
  const d = directory.path;
  await using execd = await startExecd();
  const moves = [{ src: `${d}/missing`, dest: `${d}/x` }];
  const failure = await failureOf(await execd.request('POST', '/files/mv', moves));
  expect([failure.status, failure.code]).toEqual([404, 'FILE_NOT_FOUND']);
  expect(
    failure.message.startsWith(`file not found. source path not found: ${d}/missing: `),
    failure.message,
  ).toBe(true);
});

test('contract §7.3: in order, and what was moved before an error stays moved', async () => {
  await using directory = await temporaryDirectory();
  const d = directory.path;
  await writeTree(d, { a: 'first', last: '' });
  await using execd = await startExecd();
  const moves = [
    { src: `${d}/a`, dest: `${d}/b` },
    { src: `${d}/b`, dest: `${d}/c` },
    { src: `${d}/missing`, dest: `${d}/x` },
    { src: `${d}/last`, dest: `${d}/y` },
  ];
  expect((await execd.request('POST', '/files/mv', moves)).status).toBe(404);
  expect((await readdir(d)).sort()).toEqual(['c', 'last']);
  expect(await readFile(`${d}/c`, 'utf8')).toBe('first');
});

test('a symbolic link is moved itself, also one that points nowhere', async () => {
  await using directory = await temporaryDirectory();
  const d = directory.path;
  await writeTree(d, { file: 'f', link: { link: 'file' }, dangling: { link: 'nowhere' } });
  await using execd = await startExecd();
  const moves = [
    { src: `${d}/link`, dest: `${d}/link2` },
    { src: `${d}/dangling`, dest: `${d}/dangling2` },
  ];
  expect(await answerOf(await execd.request('POST', '/files/mv', moves))).toEqual(EMPTY_SUCCESS);
  expect(await readlink(`${d}/link2`)).toBe('file');
  expect(await readlink(`${d}/dangling2`)).toBe('nowhere');
  expect((await readdir(d)).sort()).toEqual(['dangling2', 'file', 'link2']);
});

test('a directory cannot be moved into itself, and survives the attempt', async () => {
  await using directory = await temporaryDirectory();
  const d = directory.path;
  await writeTree(d, { 'folder/x': 'x' });
  const before = await readTree(d);
  await using execd = await startExecd();
  const moves = [{ src: `${d}/folder`, dest: `${d}/folder/inner` }];
  const failure = await failureOf(await execd.request('POST', '/files/mv', moves));
  expect([failure.status, failure.code]).toEqual([500, 'RUNTIME_ERROR']);
  expect(await readTree(d)).toEqual(before);
});

test('to another file system: content, mode, time and symbolic links come along', async ({ skip }) => {
  await using directory = await temporaryDirectory();
  await using other = await sharedMemoryDirectory();
  const d = directory.path;
  skip((await stat(d)).dev === (await stat(other.path)).dev, 'there is no second file system here');
  await writeTree(d, {
    'single.sh': '#!/bin/sh\n',
    'tree/inner/file': 'deep',
    'tree/link': { link: 'inner/file' },
    'tree/dangling': { link: '/nowhere' },
    'tree/empty': null,
  });
  await chmod(`${d}/single.sh`, 0o750);
  await chmod(`${d}/tree/inner`, 0o700);
  for (const path of ['tree/inner/file', 'single.sh'])
    await utimes(`${d}/${path}`, 1_600_000_000, 1_600_000_000);
  await using execd = await startExecd();
  const moves = [
    { src: `${d}/single.sh`, dest: `${other.path}/new/single.sh` },
    { src: `${d}/tree`, dest: `${other.path}/tree` },
  ];
  expect(await answerOf(await execd.request('POST', '/files/mv', moves))).toEqual(EMPTY_SUCCESS);
  expect(await readdir(d)).toEqual([]);
  const single = await stat(`${other.path}/new/single.sh`);
  expect([single.mode & 0o777, single.mtimeMs]).toEqual([0o750, 1_600_000_000_000]);
  expect((await readdir(`${other.path}/tree`)).sort()).toEqual(['dangling', 'empty', 'inner', 'link']);
  expect(await readlink(`${other.path}/tree/link`)).toBe('inner/file');
  expect(await readlink(`${other.path}/tree/dangling`)).toBe('/nowhere');
  expect((await lstat(`${other.path}/tree/inner`)).mode & 0o777).toBe(0o700);
  expect((await stat(`${other.path}/tree/inner/file`)).mtimeMs).toBe(1_600_000_000_000);
  expect(await readFile(`${other.path}/tree/inner/file`, 'utf8')).toBe('deep');
});

test('to another file system an existing destination is not overwritten either', async ({ skip }) => {
  await using directory = await temporaryDirectory();
  await using other = await sharedMemoryDirectory();
  skip(
    (await stat(directory.path)).dev === (await stat(other.path)).dev,
    'there is no second file system here',
  );
  await writeTree(directory.path, { a: 'new' });
  await writeTree(other.path, { a: 'old' });
  await using execd = await startExecd();
  const moves = [{ src: `${directory.path}/a`, dest: `${other.path}/a` }];
  expect((await failureOf(await execd.request('POST', '/files/mv', moves))).status).toBe(500);
  expect(await readFile(`${other.path}/a`, 'utf8')).toBe('old');
  expect(await readFile(`${directory.path}/a`, 'utf8')).toBe('new');
});

test.each([
  ['{"src":"/a","dest":"/b"}'],
  ['"text"'],
  ['[{"src":'],
  [''],
  ['[{"src":5,"dest":"/b"}]'],
  ['[5]'],
])('contract §7.3: the body %s is 400', async (body) => {
  await using execd = await startExecd();
  const failure = await failureOf(await execd.request('POST', '/files/mv', body));
  expect([failure.status, failure.code]).toEqual([400, 'INVALID_REQUEST_BODY']);
});

test.each([['[]'], ['null']])('contract §1.4: the body %s moves nothing and is a success', async (body) => {
  await using execd = await startExecd();
  expect(await answerOf(await execd.request('POST', '/files/mv', body))).toEqual(EMPTY_SUCCESS);
});

test('contract §1.4: keys in any case, unknown keys and bytes behind the array are taken', async () => {
  await using directory = await temporaryDirectory();
  const d = directory.path;
  await writeTree(d, { a: '' });
  await using execd = await startExecd();
  const body = `[{"SRC":"${d}/a","Dest":"${d}/b","why":1}] trailing`;
  expect(await answerOf(await execd.request('POST', '/files/mv', body))).toEqual(EMPTY_SUCCESS);
  expect(await readdir(d)).toEqual(['b']);
});

test('a move without a source or without a destination is refused', async () => {
  await using directory = await temporaryDirectory();
  await writeTree(directory.path, { a: '' });
  await using execd = await startExecd();
  for (const move of [{ src: `${directory.path}/a` }, { src: `${directory.path}/a`, dest: '' }, {}]) {
    const { status } = await failureOf(await execd.request('POST', '/files/mv', [move]));
    expect([400, 500]).toContain(status);
  }
  expect(await readdir(directory.path)).toEqual(['a']);
});
