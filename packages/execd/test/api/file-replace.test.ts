import { chmod, chown, lstat, readFile, stat, utimes, writeFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { startExecd } from '../support/execd.ts';
import { EMPTY_SUCCESS, answerOf, failureOf } from '../support/file-calls.ts';
import { readTree, writeTree } from '../support/file-tree.ts';
import { rawRequest } from '../support/raw-request.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const isRoot = process.getuid?.() === 0;

test.for<[string, string, string, string, string, number]>([
  ['one', 'a needle in hay', 'needle', 'pin', 'a pin in hay', 1],
  ['all of them', 'x x x', 'x', 'y', 'y y y', 3],
  ['none', 'hay', 'needle', 'pin', 'hay', 0],
  ['other case', 'Needle', 'needle', 'pin', 'Needle', 0],
  ['not overlapping', 'aaaaa', 'aa', 'b', 'bba', 2],
  ['what it puts in is not looked at again', 'aa', 'a', 'aa', 'aaaa', 2],
  ['special characters of patterns', 'a.c [x] $1 (b)', '[x] $1 (', '*', 'a.c *b)', 1],
  ['special characters of replacements', 'abc', 'b', '$& $1 $$ \\0', 'a$& $1 $$ \\0c', 1],
  ['over lines', 'a\r\nb\nc', '\r\nb\n', '\n', 'a\nc', 1],
  ['not ASCII', 'größe 😀', 'öß', '漢', 'gr漢e 😀', 1],
  ['with nothing', 'abc', 'b', '', 'ac', 1],
  ['the whole file', 'abc', 'abc', '', '', 1],
  ['in an empty file', '', 'x', 'y', '', 0],
])('contract §7.6: replaces %s', async ([, content, old, replacement, expected, replacedCount]) => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/file`;
  await writeFile(path, content);
  await using execd = await startExecd();
  const response = await execd.request('POST', '/files/replace?verbose=true', {
    [path]: { old, new: replacement },
  });
  expect([response.status, await response.json()]).toEqual([200, { [path]: { replacedCount } }]);
  expect(await readFile(path, 'utf8')).toBe(expected);
});

test('contract §7.6: bytes that are no text stay as they are', async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/file`;
  const odd = Buffer.from([0xff, 0xfe, 0x00, 0x80, 0xed, 0xa0, 0x80, 0xf0, 0x9f]);
  await writeFile(path, Buffer.concat([odd, Buffer.from('old'), odd]));
  await using execd = await startExecd();
  const response = await execd.request('POST', '/files/replace', { [path]: { old: 'old', new: 'é' } });
  expect(await answerOf(response)).toEqual(EMPTY_SUCCESS);
  expect(await readFile(path)).toEqual(Buffer.concat([odd, Buffer.from('é'), odd]));
});

test('contract §7.6: a match where a large file is likely to be cut', async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/file`;
  const needle = 'needle-'.repeat(9);
  const text = `${'x'.repeat(65_530)}${needle}${'y'.repeat(1_048_560)}${needle}${'z'.repeat(3_000_000)}`;
  await writeFile(path, text);
  await using execd = await startExecd();
  const response = await execd.request('POST', '/files/replace?verbose=true', {
    [path]: { old: needle, new: 'P' },
  });
  expect(await response.json()).toEqual({ [path]: { replacedCount: 2 } });
  expect((await readFile(path, 'utf8')) === text.replaceAll(needle, 'P')).toBe(true);
});

test('contract §7.6: without `new` the text is deleted', async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/file`;
  await using execd = await startExecd();
  for (const edit of [{ old: 'b' }, { old: 'b', new: null }, { OLD: 'b', New: '' }]) {
    await writeFile(path, 'abc');
    expect(await answerOf(await execd.request('POST', '/files/replace', { [path]: edit }))).toEqual(
      EMPTY_SUCCESS,
    );
    expect(await readFile(path, 'utf8')).toBe('ac');
  }
});

test('contract §1.3, §14.2: without verbose the success is truly empty', async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/file`;
  await writeFile(path, 'a');
  await using execd = await startExecd();
  const body = Buffer.from(JSON.stringify({ [path]: { old: 'a', new: 'b' } }));
  for (const query of ['', '?verbose=', '?verbose=1', '?verbose=True', '?verbose=false', '?verbose=yes']) {
    const answer = await rawRequest(`${execd.url}/files/replace${query}`, 'POST', { body });
    expect([answer.status, answer.body.length]).toEqual([200, 0]);
    expect([answer.headers['content-length'], answer.headers['content-type']]).toEqual(['0', undefined]);
  }
});

test.each([['{}'], ['null']])('contract §7.6: the body %s replaces nothing', async (body) => {
  await using execd = await startExecd();
  expect(await answerOf(await execd.request('POST', '/files/replace', body))).toEqual(EMPTY_SUCCESS);
  const verbose = await execd.request('POST', '/files/replace?verbose=true', body);
  expect([verbose.status, await verbose.json()]).toEqual([200, {}]);
});

test('contract §7.6: several files, counts by the path as given', async () => {
  await using directory = await temporaryDirectory();
  const d = directory.path;
  await writeTree(d, { one: 'a', none: 'b', 'sub/three': 'aaa' });
  await using execd = await startExecd();
  const edit = { old: 'a', new: 'A' };
  const paths = [`${d}/one`, `${d}/./none`, `${d}/sub/../sub//three`];
  const response = await execd.request(
    'POST',
    '/files/replace?verbose=true',
    Object.fromEntries(paths.map((path) => [path, edit])),
  );
  const counts = [1, 0, 3].map((replacedCount) => ({ replacedCount }));
  expect(await response.json()).toEqual(
    Object.fromEntries(paths.map((path, index) => [path, counts[index]])),
  );
  expect(await readFile(`${d}/sub/three`, 'utf8')).toBe('AAA');
});

test('two paths to one file: both edits are made', async () => {
  await using directory = await temporaryDirectory();
  const d = directory.path;
  await writeTree(d, { file: 'a b c', link: { link: 'file' } });
  await using execd = await startExecd();
  const response = await execd.request('POST', '/files/replace', {
    [`${d}/file`]: { old: 'a', new: '1' },
    [`${d}/./file`]: { old: 'b', new: '2' },
    [`${d}/link`]: { old: 'c', new: '3' },
  });
  expect(await answerOf(response)).toEqual(EMPTY_SUCCESS);
  expect(await readFile(`${d}/file`, 'utf8')).toBe('1 2 3');
});

test('contract §7.6: a symbolic link is followed and stays one; mode and owner are kept', async () => {
  await using directory = await temporaryDirectory();
  const d = directory.path;
  await writeTree(d, { 'sub/file': 'a', link: { link: 'sub/file' } });
  await chmod(`${d}/sub/file`, 0o751);
  if (isRoot) await chown(`${d}/sub/file`, 1_234, 1_235);
  const { uid, gid } = await stat(`${d}/sub/file`);
  await using execd = await startExecd();
  const response = await execd.request('POST', '/files/replace', { [`${d}/link`]: { old: 'a', new: 'b' } });
  expect(await answerOf(response)).toEqual(EMPTY_SUCCESS);
  expect((await lstat(`${d}/link`)).isSymbolicLink()).toBe(true);
  expect(await readFile(`${d}/sub/file`, 'utf8')).toBe('b');
  const after = await stat(`${d}/sub/file`);
  expect([after.mode & 0o7777, after.uid, after.gid]).toEqual([0o751, uid, gid]);
});

test.each([
  ['with a match', 'a'],
  ['without a match', 'z'],
])('contract §7.6, §18: the time of change advances %s', async (_name, old) => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/file`;
  await writeFile(path, 'a');
  await utimes(path, 1_500_000_000, 1_500_000_000);
  await using execd = await startExecd();
  await execd.request('POST', '/files/replace', { [path]: { old, new: 'b' } });
  expect((await stat(path)).mtimeMs).toBeGreaterThan(1_500_000_000_000);
});

test('no temporary file is left', async () => {
  await using directory = await temporaryDirectory();
  const d = directory.path;
  await writeTree(d, { a: 'a', b: 'b' });
  await using execd = await startExecd();
  const edit = { old: 'a', new: 'c' };
  const response = await execd.request('POST', '/files/replace', { [`${d}/a`]: edit, [`${d}/b`]: edit });
  expect(await answerOf(response)).toEqual(EMPTY_SUCCESS);
  expect(Object.keys(await readTree(d))).toEqual(['a', 'b']);
});

test.each([
  ['a missing file', 'missing', { old: 'a', new: 'b' }, 404, 'FILE_NOT_FOUND'],
  ['a file in a missing directory', 'no/such/file', { old: 'a', new: 'b' }, 404, 'FILE_NOT_FOUND'],
  ['a missing file and an empty `old`', 'missing', { old: '', new: 'b' }, 404, 'FILE_NOT_FOUND'],
  ['a symbolic link that points nowhere', 'dangling', { old: 'a', new: 'b' }, 404, 'FILE_NOT_FOUND'],
  ['a directory', 'folder', { old: 'a', new: 'b' }, 500, 'RUNTIME_ERROR'],
  ['an empty `old`', 'file', { old: '', new: 'b' }, 400, 'INVALID_REQUEST_BODY'],
  ['no `old`', 'file', { new: 'b' }, 400, 'INVALID_REQUEST_BODY'],
])(
  'contract §7.6: %s fails, and no other file of the request is changed',
  async (_name, name, edit, status, code) => {
    await using directory = await temporaryDirectory();
    const d = directory.path;
    await writeTree(d, { first: 'a', file: 'a', folder: null, dangling: { link: 'nowhere' }, last: 'a' });
    const before = await readTree(d);
    await using execd = await startExecd();
    const response = await execd.request('POST', '/files/replace', {
      [`${d}/first`]: { old: 'a', new: 'b' },
      [`${d}/${name}`]: edit,
      [`${d}/last`]: { old: 'a', new: 'b' },
    });
    const failure = await failureOf(response);
    expect([failure.status, failure.code]).toEqual([status, code]);
    if (status === 400) expect(failure.message).toBe('old content must not be empty');
    expect(await readTree(d)).toEqual(before);
  },
);

test.each([
  ['[]'],
  ['"text"'],
  ['{"/a":'],
  [''],
  ['{"/a":"b"}'],
  ['{"/a":{"old":5,"new":"b"}}'],
  ['{"/a":{"old":"a","new":["b"]}}'],
])('contract §1.4: the body %s is 400', async (body) => {
  await using execd = await startExecd();
  const failure = await failureOf(await execd.request('POST', '/files/replace', body));
  expect([failure.status, failure.code]).toEqual([400, 'INVALID_REQUEST_BODY']);
});
