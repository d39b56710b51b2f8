import { lstat, readlink } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { startExecd } from '../support/execd.ts';
import type { Execd } from '../support/execd.ts';
import {
  EMPTY_SUCCESS,
  answerOf,
  entriesOf,
  failureOf,
  infoOf,
  pathsBelow,
  upload,
  withPaths,
} from '../support/file-calls.ts';
import { writeTree } from '../support/file-tree.ts';
import { pair } from '../support/multipart.ts';
import { namedPipe, unixSocket, zeroDevice } from '../support/special-files.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

/** The calls that would open the file. */
const openings: [string, (execd: Execd, path: string) => Promise<Response>][] = [
  ['download', (execd, path) => execd.request('GET', withPaths('/files/download', path))],
  [
    'download by lines',
    (execd, path) => execd.request('GET', withPaths('/files/download', path, { limit: 1 })),
  ],
  [
    'download of a range',
    (execd, path) =>
      execd.request('GET', withPaths('/files/download', path), undefined, {
        headers: { range: 'bytes=0-9' },
      }),
  ],
  ['replace', (execd, path) => execd.request('POST', '/files/replace', { [path]: { old: 'a', new: 'b' } })],
  ['upload', (execd, path) => upload(execd, pair({ path }, 'content'))],
];

test.each(openings)('%s of a named pipe is 400 at once, and the pipe stays', async (_name, open) => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/pipe`;
  await using _pipe = await namedPipe(path);
  await using execd = await startExecd();
  expect((await failureOf(await open(execd, path))).status).toBe(400);
  expect((await lstat(path)).isFIFO()).toBe(true);
});

test.each(openings)('%s of a socket is 400, and the socket stays', async (_name, open) => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/socket`;
  await using _socket = await unixSocket(path);
  await using execd = await startExecd();
  expect((await failureOf(await open(execd, path))).status).toBe(400);
  expect((await lstat(path)).isSocket()).toBe(true);
});

test.each(openings)('%s of a symbolic link to a named pipe is 400', async (_name, open) => {
  await using directory = await temporaryDirectory();
  await writeTree(directory.path, { link: { link: 'pipe' } });
  await using _pipe = await namedPipe(`${directory.path}/pipe`);
  await using execd = await startExecd();
  expect((await failureOf(await open(execd, `${directory.path}/link`))).status).toBe(400);
  expect((await lstat(`${directory.path}/pipe`)).isFIFO()).toBe(true);
});

test.for(openings)('%s of a device without end is 400, and the device stays', async ([, open], { skip }) => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/zero`;
  skip(!(await zeroDevice(path)), 'devices may not be made here');
  await using execd = await startExecd();
  expect((await failureOf(await open(execd, path))).status).toBe(400);
  expect((await lstat(path)).isCharacterDevice()).toBe(true);
});

test('pipes and sockets can be looked at, listed, found, changed, moved and deleted', async () => {
  await using directory = await temporaryDirectory();
  const d = directory.path;
  await writeTree(d, { sub: null });
  const pipe = await namedPipe(`${d}/pipe`);
  await using _socket = await unixSocket(`${d}/socket`);
  await using execd = await startExecd();
  for (const name of ['pipe', 'socket']) {
    expect(await infoOf(execd, `${d}/${name}`)).toMatchObject({ type: 'other', size: 0 });
  }
  const listed = await entriesOf(await execd.request('GET', withPaths('/directories/list', d)));
  expect(listed.map(({ type }) => type)).toEqual(['other', 'other', 'directory']);
  const found = await execd.request('GET', withPaths('/files/search', d, { pattern: '{pipe,socket}' }));
  expect(await pathsBelow(d, found)).toEqual(['pipe', 'socket']);
  const permissions = await execd.request('POST', '/files/permissions', { [`${d}/pipe`]: { mode: 600 } });
  expect(await answerOf(permissions)).toEqual(EMPTY_SUCCESS);
  const moved = await execd.request('POST', '/files/mv', [{ src: `${d}/pipe`, dest: `${d}/sub/pipe` }]);
  expect(await answerOf(moved)).toEqual(EMPTY_SUCCESS);
  const asRoot = await failureOf(await execd.request('GET', withPaths('/directories/list', `${d}/sub/pipe`)));
  expect(asRoot).toMatchObject({ status: 400, message: `path is not a directory: ${d}/sub/pipe` });
  const onlyPipe = await execd.request('GET', withPaths('/files/search', `${d}/sub/pipe`));
  expect(await pathsBelow(`${d}/sub`, onlyPipe)).toEqual(['pipe']);
  const removed = await execd.request('DELETE', withPaths('/directories', `${d}/sub`));
  if (removed.status !== 200) await pipe[Symbol.asyncDispose]();
  expect(await answerOf(removed)).toEqual(EMPTY_SUCCESS);
});

/** Links that lead in circles. */
const LOOPS = {
  a: { link: 'b' },
  b: { link: 'a' },
  'dir/self': { link: '.' },
  'dir/up': { link: '..' },
  'dir/file': 'x',
};

test.each([
  ['download', (execd: Execd, path: string) => execd.request('GET', withPaths('/files/download', path))],
  [
    'download by lines',
    (execd: Execd, path: string) => execd.request('GET', withPaths('/files/download', path, { offset: 1 })),
  ],
  [
    'replace',
    (execd: Execd, path: string) =>
      execd.request('POST', '/files/replace', { [path]: { old: 'a', new: 'b' } }),
  ],
  ['upload', (execd: Execd, path: string) => upload(execd, pair({ path }, 'x'))],
])('%s of a symbolic link that leads in a circle is 400, and the link stays', async (_name, open) => {
  await using directory = await temporaryDirectory();
  await writeTree(directory.path, LOOPS);
  await using execd = await startExecd();
  expect((await failureOf(await open(execd, `${directory.path}/a`))).status).toBe(400);
  expect(await readlink(`${directory.path}/a`)).toBe('b');
});

test('symbolic links that lead in circles are listed, found and deleted, and nobody goes round with them', async () => {
  await using directory = await temporaryDirectory();
  const d = directory.path;
  await writeTree(d, LOOPS);
  await using execd = await startExecd();
  const listed = await execd.request('GET', withPaths('/directories/list', d, { depth: 100 }));
  expect(await pathsBelow(d, listed)).toEqual(['a', 'b', 'dir', 'dir/file', 'dir/self', 'dir/up']);
  const found = await execd.request('GET', withPaths('/files/search', d, { pattern: '**' }));
  expect(await pathsBelow(d, found)).toEqual(['a', 'b', 'dir/file', 'dir/self', 'dir/up']);
  expect((await infoOf(execd, `${d}/a`)).type).toBe('symlink');
  const deep = `${d}/dir${'/self'.repeat(20)}/file`;
  const downloaded = await execd.request('GET', withPaths('/files/download', deep));
  expect(await downloaded.text()).toBe('x');
  const modes = await failureOf(
    await execd.request('POST', '/files/permissions', { [`${d}/a`]: { mode: 600 } }),
  );
  expect(modes.message.startsWith(`error changing permissions for ${d}/a. `), modes.message).toBe(true);
  expect(await answerOf(await execd.request('DELETE', withPaths('/files', [`${d}/a`])))).toEqual(
    EMPTY_SUCCESS,
  );
  const removed = await execd.request('DELETE', withPaths('/directories', [`${d}/b`, `${d}/dir`]));
  expect(await answerOf(removed)).toEqual(EMPTY_SUCCESS);
  expect(await entriesOf(await execd.request('GET', withPaths('/directories/list', d)))).toEqual([]);
});

test('a directory that others change while it is walked neither fails nor hangs', async () => {
  await using directory = await temporaryDirectory();
  const d = directory.path;
  await using execd = await startExecd();
  const churn = `until [ -e stop ]; do mkdir -p x/y x/z && touch x/y/1 x/z/2; rm -rf x; done; echo churned`;
  const running = execd.run({ command: churn, cwd: d });
  for (let round = 0; round < 100; round += 1) {
    const listed = await execd.request('GET', withPaths('/directories/list', d, { depth: 5 }));
    const found = await execd.request('GET', withPaths('/files/search', d, { pattern: '*' }));
    expect([listed.status, found.status]).toEqual([200, 200]);
    await Promise.all([listed.arrayBuffer(), found.arrayBuffer()]);
  }
  await writeTree(d, { stop: '' });
  expect((await running).at(-1)?.type).toBe('execution_complete');
});
