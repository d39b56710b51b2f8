import { readdir } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { startExecd } from '../support/execd.ts';
import { EMPTY_SUCCESS, answerOf, failureOf, withPaths } from '../support/file-calls.ts';
import { readTree, writeTree } from '../support/file-tree.ts';
import { namedPipe, unixSocket } from '../support/special-files.ts';
import { rawRequest } from '../support/raw-request.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

test('contract §7.2: the files are gone, others stay; missing ones are no error', async () => {
  await using directory = await temporaryDirectory();
  await writeTree(directory.path, { a: '', b: '', 'sub/c': '', kept: '' });
  await using execd = await startExecd();
  const paths = ['a', 'missing', 'sub/c', 'b', 'no/such/folder/x'].map((name) => `${directory.path}/${name}`);
  expect(await answerOf(await execd.request('DELETE', withPaths('/files', paths)))).toEqual(EMPTY_SUCCESS);
  expect((await readdir(directory.path)).sort()).toEqual(['kept', 'sub']);
  expect(await readdir(`${directory.path}/sub`)).toEqual([]);
});

test('contract §1.3: the success has Content-Length 0 and no Content-Type', async () => {
  await using directory = await temporaryDirectory();
  await writeTree(directory.path, { a: '' });
  await using execd = await startExecd();
  const answer = await rawRequest(execd.url + withPaths('/files', `${directory.path}/a`), 'DELETE');
  expect([answer.status, answer.headers['content-length'], answer.headers['content-type']]).toEqual([
    200,
    '0',
    undefined,
  ]);
});

test('contract §7.2: no path is a success', async () => {
  await using execd = await startExecd();
  expect(await answerOf(await execd.request('DELETE', '/files'))).toEqual(EMPTY_SUCCESS);
});

test.each([
  ['a directory', 'folder'],
  ['a symbolic link to a directory', 'link'],
])('contract §7.2: %s is 500 and stays', async (_name, name) => {
  await using directory = await temporaryDirectory();
  await writeTree(directory.path, { 'folder/x': '', link: { link: 'folder' } });
  await using execd = await startExecd();
  const path = `${directory.path}/${name}`;
  expect(await failureOf(await execd.request('DELETE', withPaths('/files', path)))).toEqual({
    status: 500,
    code: 'RUNTIME_ERROR',
    message: `error removing file ${path}. path is a directory: ${path}`,
  });
  expect((await readdir(directory.path)).sort()).toEqual(['folder', 'link']);
});

test('contract §7.2: it stops at the first error, what was deleted before stays deleted', async () => {
  await using directory = await temporaryDirectory();
  await writeTree(directory.path, { first: '', folder: null, last: '' });
  await using execd = await startExecd();
  const paths = ['first', 'folder', 'last'].map((name) => `${directory.path}/${name}`);
  expect((await execd.request('DELETE', withPaths('/files', paths))).status).toBe(500);
  expect((await readdir(directory.path)).sort()).toEqual(['folder', 'last']);
});

test('contract §7.2: of a symbolic link to a file the link goes and the file stays', async () => {
  await using directory = await temporaryDirectory();
  await writeTree(directory.path, { target: 'content' });
  const before = await readTree(directory.path);
  await writeTree(directory.path, { link: { link: 'target' } });
  await using execd = await startExecd();
  const response = await execd.request('DELETE', withPaths('/files', `${directory.path}/link`));
  expect(await answerOf(response)).toEqual(EMPTY_SUCCESS);
  expect(await readTree(directory.path)).toEqual(before);
});

test.each([
  ['that points nowhere', { link: 'nowhere' }],
  ['that points to itself', { link: 'link' }],
])('a symbolic link %s is removed', async (_name, link) => {
  await using directory = await temporaryDirectory();
  await writeTree(directory.path, { link });
  await using execd = await startExecd();
  const response = await execd.request('DELETE', withPaths('/files', `${directory.path}/link`));
  expect(await answerOf(response)).toEqual(EMPTY_SUCCESS);
  expect(await readdir(directory.path)).toEqual([]);
});

test('named pipes and sockets can be deleted', async () => {
  await using directory = await temporaryDirectory();
  await using stack = new AsyncDisposableStack();
  // Its own disposal wants to open it.
  const pipe = await namedPipe(`${directory.path}/pipe`);
  stack.use(await unixSocket(`${directory.path}/socket`));
  await using execd = await startExecd();
  const paths = ['pipe', 'socket'].map((name) => `${directory.path}/${name}`);
  const answer = await answerOf(await execd.request('DELETE', withPaths('/files', paths)));
  const left = await readdir(directory.path);
  if (left.includes('pipe')) await pipe[Symbol.asyncDispose]();
  expect([answer, left]).toEqual([EMPTY_SUCCESS, []]);
});

test('contract §6: an empty path is the working directory, which is a directory', async () => {
  await using execd = await startExecd();
  const failure = await failureOf(await execd.request('DELETE', '/files?path='));
  expect([failure.status, failure.code]).toEqual([500, 'RUNTIME_ERROR']);
});
