import { chmod, chown, lstat, symlink, truncate, utimes, writeFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { startExecd } from '../support/execd.ts';
import { answerOf, failureOf, infoOf, withPaths } from '../support/file-calls.ts';
import type { FileInfo } from '../support/file-calls.ts';
import { writeTree } from '../support/file-tree.ts';
import { namedPipe, unixSocket } from '../support/special-files.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const isRoot = process.getuid?.() === 0;
const RFC_3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/;

test('contract §7.1: every path as it was given is a key', async () => {
  await using directory = await temporaryDirectory();
  await writeTree(directory.path, { 'a.txt': 'a', 'sub/b.txt': 'bb' });
  await using execd = await startExecd();
  const given = [`${directory.path}/a.txt`, `${directory.path}/./sub//../sub/b.txt`, directory.path];
  const response = await execd.request('GET', withPaths('/files/info', given));
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8');
  const infos = (await response.json()) as Record<string, FileInfo>;
  expect(Object.keys(infos).sort()).toEqual([...given].sort());
  expect(given.map((path) => infos[path]?.path)).toEqual([
    `${directory.path}/a.txt`,
    `${directory.path}/sub/b.txt`,
    directory.path,
  ]);
});

test('contract §6: a file has exactly these eight keys', async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/a.txt`;
  await writeFile(path, 'hello', { mode: 0o644 });
  await using execd = await startExecd();
  const info = await infoOf(execd, path);
  expect(info).toEqual({
    path,
    type: 'file',
    size: 5,
    modified_at: expect.stringMatching(RFC_3339) as string,
    created_at: expect.stringMatching(RFC_3339) as string,
    owner: expect.any(String) as string,
    group: expect.any(String) as string,
    mode: 644,
  });
});

test('contract §6: modified_at is the mtime and created_at the ctime', async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/a.txt`;
  await writeFile(path, '');
  await utimes(path, 1_500_000_000, 1_500_000_000.25);
  await using execd = await startExecd();
  const info = await infoOf(execd, path);
  const { ctimeMs } = await lstat(path);
  expect(Date.parse(info.modified_at)).toBe(1_500_000_000_250);
  expect(Math.abs(Date.parse(info.created_at) - ctimeMs)).toBeLessThanOrEqual(1);
});

test.each([
  [0o000, 0],
  [0o007, 7],
  [0o070, 70],
  [0o600, 600],
  [0o644, 644],
  [0o755, 755],
  [0o777, 777],
  [0o4755, 755],
  [0o2711, 711],
  [0o1777, 777],
])('contract §6: permission bits %o read as the number %i', async (bits, mode) => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/a.txt`;
  await writeFile(path, '');
  await chmod(path, bits);
  await using execd = await startExecd();
  expect((await infoOf(execd, path)).mode).toBe(mode);
});

test('contract §6: the four types', async () => {
  await using directory = await temporaryDirectory();
  await writeTree(directory.path, { file: 'x', folder: null, link: { link: 'file' } });
  await using _pipe = await namedPipe(`${directory.path}/pipe`);
  await using _socket = await unixSocket(`${directory.path}/socket`);
  await using execd = await startExecd();
  const names = ['file', 'folder', 'link', 'pipe', 'socket'];
  const infos = names.map(async (name) => (await infoOf(execd, `${directory.path}/${name}`)).type);
  expect(await Promise.all(infos)).toEqual(['file', 'directory', 'symlink', 'other', 'other']);
  expect((await infoOf(execd, '/dev/null')).type).toBe('other');
});

test('contract §6: a directory has its own size, a file above 4 GiB all of it', async () => {
  await using directory = await temporaryDirectory();
  await writeTree(directory.path, { folder: null, sparse: '' });
  await truncate(`${directory.path}/sparse`, 5_000_000_000);
  await using execd = await startExecd();
  const folder = `${directory.path}/folder`;
  expect((await infoOf(execd, folder)).size).toBe((await lstat(folder)).size);
  expect((await infoOf(execd, `${directory.path}/sparse`)).size).toBe(5_000_000_000);
});

test.each([
  ['to a file', 'file'],
  ['to a directory', '.'],
  ['that dangles', 'nowhere/at/all'],
])(
  'contract §7.1: a symbolic link %s is a symlink with mode 777 and the size of its target string',
  async (_name, target) => {
    await using directory = await temporaryDirectory();
    await writeTree(directory.path, { file: 'content', link: { link: target } });
    await using execd = await startExecd();
    const info = await infoOf(execd, `${directory.path}/link`);
    expect(info).toMatchObject({ type: 'symlink', mode: 777, size: target.length });
  },
);

test('contract §6: owner and group are names, numbers in text where there is no name', async ({ skip }) => {
  skip(!isRoot, 'only root can give a file away');
  await using directory = await temporaryDirectory();
  await writeTree(directory.path, { mine: '', nobodys: '', strange: '' });
  await chown(`${directory.path}/nobodys`, 65_534, 65_534);
  await chown(`${directory.path}/strange`, 54_321, 54_322);
  await using execd = await startExecd();
  expect(await infoOf(execd, `${directory.path}/mine`)).toMatchObject({ owner: 'root', group: 'root' });
  expect(await infoOf(execd, `${directory.path}/nobodys`)).toMatchObject({
    owner: 'nobody',
    group: 'nogroup',
  });
  expect(await infoOf(execd, `${directory.path}/strange`)).toMatchObject({ owner: '54321', group: '54322' });
});

test('contract §7.1: no path gives an empty object', async () => {
  await using execd = await startExecd();
  expect(await answerOf(await execd.request('GET', '/files/info'))).toEqual([200, '{}']);
});

test('contract §7.1: the first missing path fails the whole call with 404', async () => {
  await using directory = await temporaryDirectory();
  await writeTree(directory.path, { there: '' });
  await using execd = await startExecd();
  const missing = `${directory.path}/missing`;
  const paths = [`${directory.path}/there`, missing, `${directory.path}/missing-too`];
  expect(await failureOf(await execd.request('GET', withPaths('/files/info', paths)))).toEqual({
    status: 404,
    code: 'FILE_NOT_FOUND',
    message: `file not found. file not found: ${missing}: lstat ${missing}: no such file or directory`,
  });
});

test('contract §7.1: any other failure is 500', async () => {
  await using directory = await temporaryDirectory();
  await writeTree(directory.path, { file: '' });
  await symlink('loop', `${directory.path}/loop`);
  await using execd = await startExecd();
  for (const name of ['file/below', 'loop/below']) {
    const response = await execd.request('GET', withPaths('/files/info', `${directory.path}/${name}`));
    expect(await failureOf(response)).toMatchObject({
      status: 500,
      code: 'RUNTIME_ERROR',
      message: expect.stringMatching(/^error accessing file: ./) as string,
    });
  }
});

test('contract §19: a URL of 100 KiB with a thousand paths is taken', async () => {
  await using directory = await temporaryDirectory();
  const names = Array.from({ length: 1_000 }, (_, index) => `${'n'.repeat(60)}-${index}`);
  await writeTree(directory.path, Object.fromEntries(names.map((name) => [name, ''])));
  await using execd = await startExecd();
  const paths = names.map((name) => `${directory.path}/${name}`);
  const response = await execd.request('GET', withPaths('/files/info', paths));
  expect(Object.keys((await response.json()) as object)).toHaveLength(1_000);
});
