import { readFile, readdir } from 'node:fs/promises';
import { relative } from 'node:path';
import { expect, test } from 'vitest';
import { startExecd } from '../support/execd.ts';
import {
  EMPTY_SUCCESS,
  PATH_CALLS,
  answerOf,
  failureOf,
  infoOf,
  pathsBelow,
  upload,
  withPaths,
} from '../support/file-calls.ts';
import type { FileInfo, PathCall } from '../support/file-calls.ts';
import { readTree, writeTree } from '../support/file-tree.ts';
import { pair } from '../support/multipart.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const calls: [string, PathCall][] = Object.entries(PATH_CALLS);

test.each([
  ['$D/f', 'f'],
  ['${D}/f', 'f'],
  ['$D/$PART', 'part'],
  ['$D/${PART}s', 'parts'],
  ['~/f', 'f'],
  ['~', ''],
  ['$TILDE', 'f'],
  ['${TILDE}', 'f'],
  ['$D/a$1$$$?$*$@$#$!$-b', 'ab'],
  ['$D/x${}y', 'xy'],
  ['$D/price $ 5', 'price $ 5'],
  ['$D/end$', 'end$'],
  ['$D/a$.b', 'a$.b'],
  ['$D/~', '~'],
  ['$D/$EMPTY/f', 'f'],
  ['$D//sub/.././/f', 'f'],
  ['$D/sub/', 'sub'],
])('contract §6: the path %s', async (given, expected) => {
  await using directory = await temporaryDirectory();
  const d = directory.path;
  const names = ['f', 'part', 'parts', 'ab', 'xy', 'price $ 5', 'end$', 'a$.b', '~'];
  await writeTree(d, { ...Object.fromEntries(names.map((name) => [name, ''])), sub: null });
  const variables = { D: d, HOME: d, PART: 'part', TILDE: '~/f', EMPTY: '' };
  await using execd = await startExecd([], { ...process.env, ...variables });
  expect((await infoOf(execd, given)).path).toBe(expected === '' ? d : `${d}/${expected}`);
});

test('contract §6: `~user` is no home directory, and a path without a slash is in the working directory', async () => {
  await using execd = await startExecd();
  for (const name of ['~nobody', 'no-such-file-here']) {
    const failure = await failureOf(await execd.request('GET', withPaths('/files/info', name)));
    expect(failure.status).toBe(404);
    expect(failure.message).toContain(`lstat ${process.cwd()}/${name}: `);
  }
});

test('contract §6: relative paths and an empty one', async () => {
  await using directory = await temporaryDirectory();
  const d = directory.path;
  await writeTree(d, { file: 'content' });
  await using execd = await startExecd();
  const path = relative(process.cwd(), `${d}/file`);
  expect((await infoOf(execd, path)).path).toBe(`${d}/file`);
  expect((await infoOf(execd, '')).path).toBe(process.cwd());
  const downloaded = await execd.request('GET', withPaths('/files/download', path));
  expect(await downloaded.text()).toBe('content');
  const uploaded = await upload(execd, pair({ path: relative(process.cwd(), `${d}/new/one`) }, 'x'));
  expect(await answerOf(uploaded)).toEqual(EMPTY_SUCCESS);
  expect(await readFile(`${d}/new/one`, 'utf8')).toBe('x');
});

test('contract §19: repeated keys, an empty value that counts, and + for a space', async () => {
  await using directory = await temporaryDirectory();
  await writeTree(directory.path, { 'a b': '', 'c+d': '' });
  await using execd = await startExecd();
  const base = encodeURIComponent(directory.path);
  const response = await execd.request('GET', `/files/info?path=${base}/a+b&path=&path=${base}/c%2Bd`);
  const infos = (await response.json()) as Record<string, FileInfo>;
  expect(Object.values(infos).map(({ path }) => path)).toEqual([
    `${directory.path}/a b`,
    process.cwd(),
    `${directory.path}/c+d`,
  ]);
});

test.each(calls)('contract §6: %s with variables that are not set is 500', async (_name, call) => {
  await using directory = await temporaryDirectory();
  await writeTree(directory.path, { existing: '' });
  const before = await readTree(directory.path);
  await using execd = await startExecd();
  const path = `${directory.path}/$NO_SUCH_B/\${NO_SUCH_A}/$NO_SUCH_B`;
  const failure = await failureOf(await call(execd, path, `${directory.path}/existing`));
  expect([failure.status, failure.code]).toEqual([500, 'RUNTIME_ERROR']);
  expect(failure.message).toContain('path references undefined environment variables: NO_SUCH_A,NO_SUCH_B');
  expect(await readTree(directory.path)).toEqual(before);
});

test.each(calls)('contract §6: %s with ~ is 500 when there is no HOME', async (_name, call) => {
  await using directory = await temporaryDirectory();
  await writeTree(directory.path, { existing: '' });
  const { HOME: _home, ...environment } = process.env;
  await using execd = await startExecd([], environment);
  const failure = await failureOf(await call(execd, '~/no-such-file', `${directory.path}/existing`));
  expect([failure.status, failure.code]).toEqual([500, 'RUNTIME_ERROR']);
  expect(await readdir(directory.path)).toEqual(['existing']);
});

test.each(calls)('%s with a name of 256 bytes or a path of more than 4095 is 400', async (_name, call) => {
  await using directory = await temporaryDirectory();
  await writeTree(directory.path, { existing: '' });
  const before = await readTree(directory.path);
  await using execd = await startExecd();
  const tooLong = ['n'.repeat(256), 'é'.repeat(128), `below/${'n'.repeat(300)}`, 'd/'.repeat(2_100)];
  for (const name of tooLong) {
    const response = await call(execd, `${directory.path}/${name}`, `${directory.path}/existing`);
    expect(await failureOf(response), name.slice(0, 10)).toMatchObject({
      status: 400,
      code: 'NAME_TOO_LONG',
    });
    expect(await readTree(directory.path)).toEqual(before);
  }
});

test.each(calls)('%s with a NUL in the path is 400 or 500, and changes nothing', async (_name, call) => {
  await using directory = await temporaryDirectory();
  await writeTree(directory.path, { existing: '' });
  const before = await readTree(directory.path);
  await using execd = await startExecd();
  const response = await call(execd, `${directory.path}/a\0b`, `${directory.path}/existing`);
  const { status } = await failureOf(response);
  expect([400, 500]).toContain(status);
  expect(await readTree(directory.path)).toEqual(before);
});

test('contract §6, §18: every call expands variables and ~', async () => {
  await using directory = await temporaryDirectory();
  const d = directory.path;
  await using execd = await startExecd([], { ...process.env, HOME: d, SUB: `${d}/sub` });
  const succeeds = async (response: Promise<Response>) =>
    expect(await answerOf(await response)).toEqual(EMPTY_SUCCESS);
  await succeeds(execd.request('POST', '/directories', { '~/sub': {}, '$SUB/inner': { mode: 700 } }));
  await succeeds(upload(execd, [...pair({ path: '~/file' }, 'a'), ...pair({ path: '$SUB/file' }, 'b')]));
  await succeeds(execd.request('POST', '/files/replace', { '~/file': { old: 'a', new: 'A' } }));
  await succeeds(execd.request('POST', '/files/permissions', { '$SUB/file': { mode: 600 } }));
  await succeeds(execd.request('POST', '/files/mv', [{ src: '$SUB/file', dest: '~/moved' }]));
  const listed = await execd.request('GET', withPaths('/directories/list', '~', { depth: 2 }));
  expect(await pathsBelow(d, listed)).toEqual(['file', 'moved', 'sub', 'sub/inner']);
  const found = await execd.request('GET', withPaths('/files/search', '~/', { pattern: 'm*' }));
  expect(await pathsBelow(d, found)).toEqual(['moved']);
  const downloaded = await execd.request('GET', withPaths('/files/download', '~/file'));
  expect(await downloaded.text()).toBe('A');
  await succeeds(execd.request('DELETE', withPaths('/files', ['~/file', '$HOME/moved'])));
  await succeeds(execd.request('DELETE', withPaths('/directories', ['$SUB'])));
  expect(await readdir(d)).toEqual([]);
});

/** `here/link` leads to `there/inner`: `here/link/../file` is `here/file` as a text and `there/file` on the way. */
const CROSSED = {
  'here/file': 'here',
  'there/file': 'there',
  'there/inner': null,
  'here/link': { link: '../there/inner' },
};

test('contract §6: `..` behind a symbolic link is removed from the text by some calls', async () => {
  await using directory = await temporaryDirectory();
  await writeTree(directory.path, CROSSED);
  await using execd = await startExecd();
  const crossing = `${directory.path}/here/link/../file`;
  expect((await infoOf(execd, crossing)).path).toBe(`${directory.path}/here/file`);
  const edit = { [crossing]: { old: 'here', new: 'edited' } };
  expect(await answerOf(await execd.request('POST', '/files/replace', edit))).toEqual(EMPTY_SUCCESS);
  expect(await readFile(`${directory.path}/here/file`, 'utf8')).toBe('edited');
  expect(await answerOf(await execd.request('DELETE', withPaths('/files', crossing)))).toEqual(EMPTY_SUCCESS);
  expect(await readdir(`${directory.path}/here`)).toEqual(['link']);
  const listed = await execd.request('GET', withPaths('/directories/list', `${directory.path}/here/link/..`));
  expect(await pathsBelow(`${directory.path}/here`, listed)).toEqual(['link']);
});

test('contract §6: `..` behind a symbolic link is left to the system by upload, download and rmdir', async () => {
  await using directory = await temporaryDirectory();
  const d = directory.path;
  await writeTree(d, CROSSED);
  await using execd = await startExecd();
  const downloaded = await execd.request('GET', withPaths('/files/download', `${d}/here/link/../file`));
  expect(await downloaded.text()).toBe('there');
  const uploaded = await upload(execd, pair({ path: `${d}/here/link/../new` }, 'new'));
  expect(await answerOf(uploaded)).toEqual(EMPTY_SUCCESS);
  expect(await readFile(`${d}/there/new`, 'utf8')).toBe('new');
  const removed = await execd.request('DELETE', withPaths('/directories', `${d}/here/link/../file`));
  expect(await answerOf(removed)).toEqual(EMPTY_SUCCESS);
  expect((await readdir(`${d}/there`)).sort()).toEqual(['inner', 'new']);
  expect(await readFile(`${d}/here/file`, 'utf8')).toBe('here');
});

test('contract §6: there is no root to stay in', async () => {
  await using directory = await temporaryDirectory();
  await writeTree(directory.path, { link: { link: '/etc' } });
  await using execd = await startExecd();
  const up = `${directory.path}${'/..'.repeat(50)}/etc/passwd`;
  expect((await infoOf(execd, up)).path).toBe('/etc/passwd');
  const response = await execd.request('GET', withPaths('/files/download', `${directory.path}/link/passwd`));
  expect(await response.text()).toContain('root:');
});

test('contract §1.1: without the token no file call is answered', async () => {
  await using directory = await temporaryDirectory();
  await writeTree(directory.path, { existing: 'x' });
  const before = await readTree(directory.path);
  await using execd = await startExecd(['--access-token', 'secret-token']);
  for (const [name, call] of calls) {
    const response = await call(execd, `${directory.path}/existing`, `${directory.path}/existing`);
    expect((await failureOf(response)).status, name).toBe(401);
  }
  expect(await readTree(directory.path)).toEqual(before);
});
