import { chmod, chown, readdir, stat } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { startExecd } from '../support/execd.ts';
import {
  EMPTY_SUCCESS,
  answerOf,
  entriesOf,
  failureOf,
  infoOf,
  pathsBelow,
  withPaths,
} from '../support/file-calls.ts';
import { openToAll, readTree, writeTree } from '../support/file-tree.ts';
import { startListening } from '../support/execd-process.ts';
import { rawRequest } from '../support/raw-request.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const isRoot = process.getuid?.() === 0;
const DEFAULT_MODE = 0o777 & ~process.umask();

const list = (path: string, more: Record<string, string | number> = {}) =>
  withPaths('/directories/list', path, more);

test.each([['/directories/list'], ['/directories/list?path='], ['/directories/list?depth=2']])(
  'contract §8: %s is 400',
  async (path) => {
    await using execd = await startExecd();
    expect(await failureOf(await execd.request('GET', path))).toEqual({
      status: 400,
      code: 'MISSING_QUERY',
      message: "missing query parameter 'path'",
    });
  },
);

const TREE = {
  '.hidden/x': '',
  B: '',
  'a/deep/er/4': '',
  'a/3': '',
  'a.txt': '',
  a0: '',
  link: { link: 'a' },
};

test.each([
  [undefined, ['.hidden', 'B', 'a', 'a.txt', 'a0', 'link']],
  ['', ['.hidden', 'B', 'a', 'a.txt', 'a0', 'link']],
  [0, []],
  [1, ['.hidden', 'B', 'a', 'a.txt', 'a0', 'link']],
  [2, ['.hidden', '.hidden/x', 'B', 'a', 'a/3', 'a/deep', 'a.txt', 'a0', 'link']],
  [3, ['.hidden', '.hidden/x', 'B', 'a', 'a/3', 'a/deep', 'a/deep/er', 'a.txt', 'a0', 'link']],
  [
    1_000_000,
    ['.hidden', '.hidden/x', 'B', 'a', 'a/3', 'a/deep', 'a/deep/er', 'a/deep/er/4', 'a.txt', 'a0', 'link'],
  ],
])(
  'contract §8: depth %s lists in byte order, each directory in front of what is in it',
  async (depth, expected) => {
    await using directory = await temporaryDirectory();
    await writeTree(directory.path, TREE);
    await using execd = await startExecd();
    const response = await execd.request('GET', list(directory.path, depth === undefined ? {} : { depth }));
    expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8');
    expect(response.headers.get('execd-files-skipped')).toBe('0');
    expect(await pathsBelow(directory.path, response)).toEqual(expected);
  },
);

test('contract §8: an entry is the same as that of /files/info; symbolic links are symlinks', async () => {
  await using directory = await temporaryDirectory();
  await writeTree(directory.path, { file: 'hello', folder: null, link: { link: 'folder' } });
  await using execd = await startExecd();
  const entries = await entriesOf(await execd.request('GET', list(`${directory.path}/folder/../`)));
  const names = ['file', 'folder', 'link'];
  const infos = names.map((name) => infoOf(execd, `${directory.path}/${name}`));
  expect(entries).toEqual(await Promise.all(infos));
  expect(entries.map(({ type }) => type)).toEqual(['file', 'directory', 'symlink']);
});

test('contract §8: an empty directory is an empty array', async () => {
  await using directory = await temporaryDirectory();
  await using execd = await startExecd();
  expect(await answerOf(await execd.request('GET', list(directory.path)))).toEqual([200, '[]']);
});

test.each([['-1'], ['abc'], ['1.5'], [' '], ['2x']])('contract §8: depth=%j is 400', async (depth) => {
  await using directory = await temporaryDirectory();
  await using execd = await startExecd();
  const failure = await failureOf(await execd.request('GET', list(directory.path, { depth })));
  expect([failure.status, failure.code]).toEqual([400, 'INVALID_REQUEST_BODY']);
  expect(failure.message.startsWith("invalid query parameter 'depth': "), failure.message).toBe(true);
});

test('contract §8: a root that is missing, a symbolic link or no directory', async () => {
  await using directory = await temporaryDirectory();
  const d = directory.path;
  await writeTree(d, { file: '', folder: null, link: { link: 'folder' }, dangling: { link: 'nowhere' } });
  await using execd = await startExecd();
  const listed = async (name: string) => failureOf(await execd.request('GET', list(`${d}/${name}`)));
  expect(await listed('missing')).toMatchObject({ status: 404, code: 'FILE_NOT_FOUND' });
  for (const name of ['link', 'dangling']) {
    expect(await listed(name)).toMatchObject({
      status: 400,
      message: `path is a symbolic link, refusing to traverse: ${d}/${name}`,
    });
  }
  expect(await listed('file')).toMatchObject({
    status: 400,
    message: `path is not a directory: ${d}/file`,
  });
});

test('a directory that may not be read is listed, but what is in it is skipped and counted', async ({
  skip,
}) => {
  skip(!isRoot, 'only root can act as somebody else');
  await using directory = await temporaryDirectory();
  await openToAll(directory.path);
  await writeTree(directory.path, { 'closed/x': '', 'open/y': '' });
  await chmod(`${directory.path}/closed`, 0o700);
  await using execd = await startExecd();
  const response = await execd.request('GET', list(directory.path, { depth: 9, uid: 65_534 }));
  expect(response.headers.get('execd-files-skipped')).toBe('1');
  expect(await pathsBelow(directory.path, response)).toEqual(['closed', 'open', 'open/y']);
});

test('a root that may not be read is 403', async ({ skip }) => {
  skip(!isRoot, 'only root can act as somebody else');
  await using directory = await temporaryDirectory();
  await openToAll(directory.path);
  await writeTree(directory.path, { 'closed/x': '' });
  await chmod(`${directory.path}/closed`, 0o700);
  await using execd = await startExecd();
  const response = await execd.request('GET', list(`${directory.path}/closed`, { uid: 65_534 }));
  expect(await failureOf(response)).toMatchObject({ status: 403, code: 'PERMISSION_DENIED' });
});

test.each([
  [755, 0o755],
  [644, 0o644],
  [700, 0o700],
  [777, 0o777],
  [4755, 0o755],
  [1777, 0o777],
  [0, DEFAULT_MODE],
  [undefined, DEFAULT_MODE],
])(
  'contract §8: a directory made with mode %s has %o; its parents have the default',
  async (mode, expected) => {
    await using directory = await temporaryDirectory();
    const path = `${directory.path}/x/y/z`;
    await using execd = await startExecd();
    expect(await answerOf(await execd.request('POST', '/directories', { [path]: { mode } }))).toEqual(
      EMPTY_SUCCESS,
    );
    expect((await stat(path)).mode & 0o7777).toBe(expected);
    expect((await stat(`${directory.path}/x/y`)).mode & 0o7777).toBe(DEFAULT_MODE);
  },
);

test('contract §8: owner and group are given to the leaf alone', async ({ skip }) => {
  skip(!isRoot, 'only root can give a directory away');
  await using directory = await temporaryDirectory();
  const d = directory.path;
  await using execd = await startExecd();
  const response = await execd.request('POST', '/directories', {
    [`${d}/x/names`]: { mode: 755, owner: 'nobody', group: 'nogroup' },
    [`${d}/x/numbers`]: { owner: '1234', group: '1235' },
    [`${d}/x/nulls`]: { owner: null, group: null },
  });
  expect(await answerOf(response)).toEqual(EMPTY_SUCCESS);
  const owners = ['x', 'x/names', 'x/numbers', 'x/nulls'].map(async (name) => {
    const { uid, gid } = await stat(`${d}/${name}`);
    return [uid, gid];
  });
  expect(await Promise.all(owners)).toEqual([
    [0, 0],
    [65_534, 65_534],
    [1_234, 1_235],
    [0, 0],
  ]);
});

test.each([['folder'], ['link']])(
  'contract §8: an existing directory (%s) is a success and untouched',
  async (name) => {
    await using directory = await temporaryDirectory();
    await writeTree(directory.path, { 'folder/x': '', link: { link: 'folder' } });
    await chmod(`${directory.path}/folder`, 0o711);
    if (isRoot) await chown(`${directory.path}/folder`, 1_234, 1_235);
    const before = await readTree(directory.path);
    await using execd = await startExecd();
    const body = { [`${directory.path}/${name}`]: { mode: 777, owner: 'root' } };
    expect(await answerOf(await execd.request('POST', '/directories', body))).toEqual(EMPTY_SUCCESS);
    expect(await readTree(directory.path)).toEqual(before);
  },
);

test.each([
  ['is a file', 'file', { mode: 755 }],
  ['is below a file', 'file/below/it', { mode: 755 }],
  ['gets mode 8', 'new', { mode: 8 }],
  ['gets an unknown owner', 'new', { owner: 'bob-nobody-knows' }],
])('contract §8: a path that %s is 500', async (_name, name, permission) => {
  await using directory = await temporaryDirectory();
  await writeTree(directory.path, { file: 'f' });
  await using execd = await startExecd();
  const body = { [`${directory.path}/${name}`]: permission };
  const failure = await failureOf(await execd.request('POST', '/directories', body));
  expect([failure.status, failure.code]).toEqual([500, 'RUNTIME_ERROR']);
});

test.each([
  ['[]'],
  ['"text"'],
  ['{"/a":'],
  [''],
  ['{"/a":5}'],
  ['{"/a":{"mode":"755"}}'],
  ['{"/a":{"mode":7.5}}'],
])('contract §8: POST /directories %s is 400', async (body) => {
  await using execd = await startExecd();
  const failure = await failureOf(await execd.request('POST', '/directories', body));
  expect([failure.status, failure.code]).toEqual([400, 'INVALID_REQUEST_BODY']);
});

test('contract §8: DELETE takes directories with all that is in them, files and missing paths', async () => {
  await using directory = await temporaryDirectory();
  const d = directory.path;
  await writeTree(d, { 'tree/a/b/c': '', 'tree/link': { link: '/' }, file: '', kept: '', empty: null });
  await using execd = await startExecd();
  const paths = ['tree', 'missing', 'file', 'no/such/path', 'empty'].map((name) => `${d}/${name}`);
  const answer = await rawRequest(execd.url + withPaths('/directories', paths), 'DELETE');
  expect([answer.status, answer.headers['content-length'], answer.headers['content-type']]).toEqual([
    200,
    '0',
    undefined,
  ]);
  expect(await readdir(d)).toEqual(['kept']);
});

test('contract §8: DELETE of a symbolic link takes the link, not its target', async () => {
  await using directory = await temporaryDirectory();
  const d = directory.path;
  await writeTree(d, { 'target/x': 'x' });
  const before = await readTree(d);
  await writeTree(d, { link: { link: 'target' }, dangling: { link: 'nowhere' }, loop: { link: 'loop' } });
  await using execd = await startExecd();
  const paths = ['link', 'dangling', 'loop'].map((name) => `${d}/${name}`);
  expect(await answerOf(await execd.request('DELETE', withPaths('/directories', paths)))).toEqual(
    EMPTY_SUCCESS,
  );
  expect(await readTree(d)).toEqual(before);
});

test('contract §8: DELETE takes what its owner may not even read', async () => {
  await using directory = await temporaryDirectory();
  await writeTree(directory.path, { 'tree/closed/x': '' });
  await chmod(`${directory.path}/tree/closed`, 0o000);
  await using execd = await startExecd();
  const response = await execd.request('DELETE', withPaths('/directories', `${directory.path}/tree`));
  if (!isRoot) await chmod(`${directory.path}/tree/closed`, 0o700);
  expect(response.status).toBe(isRoot ? 200 : 403);
  await response.arrayBuffer();
});

test('contract §6, §8: DELETE with no path or an empty one removes nothing, least of all the working directory', async () => {
  await using directory = await temporaryDirectory();
  await writeTree(directory.path, { 'kept/x': '' });
  const before = await readTree(directory.path);
  // A process of its own, in a directory that may be lost.
  await using execd = await startListening([], process.env, directory.path);
  for (const query of ['', '?path=', '?path=&path=']) {
    const response = await fetch(`${execd.url}/directories${query}`, {
      method: 'DELETE',
      headers: { connection: 'close' },
    });
    expect([200, 400], query).toContain(response.status);
    await response.arrayBuffer();
    expect(await readTree(directory.path)).toEqual(before);
  }
});
