import { chmod, chown, lstat, mkdir, readFile, readdir, stat, utimes } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { startExecd } from '../support/execd.ts';
import { EMPTY_SUCCESS, answerOf, failureOf, upload } from '../support/file-calls.ts';
import { readTree, writeTree } from '../support/file-tree.ts';
import { filePart, metadataPart, pair } from '../support/multipart.ts';
import type { Part } from '../support/multipart.ts';
import { rawRequest } from '../support/raw-request.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const isRoot = process.getuid?.() === 0;
/** What the process's umask leaves of 777. */
const DEFAULT_MODE = 0o777 & ~process.umask();

const ownerOf = async (path: string) => {
  const { uid, gid } = await stat(path);
  return [uid, gid];
};
const modeOf = async (path: string) => (await stat(path)).mode & 0o7777;

test('contract §20: the example, to the byte', async ({ skip }) => {
  skip(!isRoot, 'only root can give a file away');
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/d/x.txt`;
  const body = [
    '--B',
    'Content-Disposition: form-data; name="metadata"; filename="metadata"',
    'Content-Type: application/json',
    '',
    `{"path":"${path}","mode":644,"owner":"nobody","group":"nogroup"}`,
    '--B',
    'Content-Disposition: form-data; name="file"; filename="x.txt"',
    'Content-Type: application/octet-stream',
    '',
    '<bytes>',
    '--B--',
    '',
  ].join('\r\n');
  await using execd = await startExecd();
  const answer = await rawRequest(`${execd.url}/files/upload`, 'POST', {
    headers: { 'content-type': 'multipart/form-data; boundary=B' },
    body: Buffer.from(body),
  });
  expect([answer.status, answer.body.length]).toEqual([200, 0]);
  expect([answer.headers['content-length'], answer.headers['content-type']]).toEqual(['0', undefined]);
  expect(await readFile(path, 'utf8')).toBe('<bytes>');
  expect([await modeOf(path), ...(await ownerOf(path))]).toEqual([0o644, 65_534, 65_534]);
});

test('contract §7.7: a new file without a mode, and its parents, have what the umask leaves of 777', async () => {
  await using directory = await temporaryDirectory();
  const d = directory.path;
  await using execd = await startExecd();
  expect(await answerOf(await upload(execd, pair({ path: `${d}/x/y/file` }, 'a')))).toEqual(EMPTY_SUCCESS);
  for (const name of ['x', 'x/y', 'x/y/file']) expect(await modeOf(`${d}/${name}`), name).toBe(DEFAULT_MODE);
});

test.each([
  [0, DEFAULT_MODE],
  [null, DEFAULT_MODE],
  [7, 0o007],
  [600, 0o600],
  [644, 0o644],
  [755, 0o755],
  [777, 0o777],
  [4755, 0o755],
  [1777, 0o777],
])('contract §7.7: mode %s in the metadata gives a new file mode %o', async (mode, expected) => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/file`;
  await using execd = await startExecd();
  expect(await answerOf(await upload(execd, pair({ path, mode }, 'a')))).toEqual(EMPTY_SUCCESS);
  expect(await modeOf(path)).toBe(expected);
});

test('contract §7.7: an existing file keeps mode and owner; its size and time change', async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/file`;
  await writeTree(directory.path, { file: 'old and longer' });
  await chmod(path, 0o640);
  if (isRoot) await chown(path, 1_234, 1_235);
  await utimes(path, 1_500_000_000, 1_500_000_000);
  const owner = await ownerOf(path);
  await using execd = await startExecd();
  expect(await answerOf(await upload(execd, pair({ path }, 'new')))).toEqual(EMPTY_SUCCESS);
  expect([await modeOf(path), await ownerOf(path)]).toEqual([0o640, owner]);
  expect(await readFile(path, 'utf8')).toBe('new');
  expect((await stat(path)).mtimeMs).toBeGreaterThan(1_500_000_000_000);
});

test.for<[string, Record<string, unknown>, [number, number, number]]>([
  ['mode', { mode: 600 }, [0o600, 1_234, 1_235]],
  ['owner', { owner: 'nobody' }, [0o640, 65_534, 1_235]],
  ['group', { group: 'nogroup' }, [0o640, 1_234, 65_534]],
  ['all', { mode: 444, owner: 'root', group: 'root' }, [0o444, 0, 0]],
  ['numbers as owner and group', { owner: '54321', group: '54322' }, [0o640, 54_321, 54_322]],
  ['nulls and empty names', { mode: null, owner: null, group: '' }, [0o640, 1_234, 1_235]],
])('contract §7.7: metadata changes the %s of an existing file', async ([, metadata, expected], { skip }) => {
  skip(!isRoot, 'only root can give a file away');
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/file`;
  await writeTree(directory.path, { file: 'old' });
  await chmod(path, 0o640);
  await chown(path, 1_234, 1_235);
  await using execd = await startExecd();
  expect(await answerOf(await upload(execd, pair({ path, ...metadata }, 'new')))).toEqual(EMPTY_SUCCESS);
  expect([await modeOf(path), ...(await ownerOf(path))]).toEqual(expected);
});

test('addendum A6: owner and group also apply to the parents it makes, not to those that were there', async ({
  skip,
}) => {
  skip(!isRoot, 'only root can give a file away');
  await using directory = await temporaryDirectory();
  const d = directory.path;
  await mkdir(`${d}/there`);
  await using execd = await startExecd();
  const metadata = { path: `${d}/there/x/y/file`, owner: 'nobody', group: 'nogroup', mode: 600 };
  expect(await answerOf(await upload(execd, pair(metadata, 'a')))).toEqual(EMPTY_SUCCESS);
  expect(await ownerOf(`${d}/there`)).toEqual([0, 0]);
  for (const name of ['x', 'x/y', 'x/y/file']) {
    expect(await ownerOf(`${d}/there/${name}`), name).toEqual([65_534, 65_534]);
  }
  expect(await modeOf(`${d}/there/x/y`)).toBe(DEFAULT_MODE);
});

test('addendum A6: parents that two pairs share belong to the first of them', async ({ skip }) => {
  skip(!isRoot, 'only root can give a file away');
  await using directory = await temporaryDirectory();
  const d = directory.path;
  await using execd = await startExecd();
  const parts = [
    ...pair({ path: `${d}/x/a`, owner: 'nobody' }, 'a'),
    ...pair({ path: `${d}/x/y/b`, owner: '1234' }, 'b'),
  ];
  expect(await answerOf(await upload(execd, parts))).toEqual(EMPTY_SUCCESS);
  const owners = ['x', 'x/a', 'x/y', 'x/y/b'].map(async (name) => (await stat(`${d}/${name}`)).uid);
  expect(await Promise.all(owners)).toEqual([65_534, 65_534, 1_234, 1_234]);
});

test('a symbolic link as the target is followed and stays: the file behind it is replaced, or made', async () => {
  await using directory = await temporaryDirectory();
  const d = directory.path;
  await writeTree(d, { 'sub/file': 'old', link: { link: 'sub/file' }, dangling: { link: 'sub/new' } });
  await chmod(`${d}/sub/file`, 0o604);
  await using execd = await startExecd();
  const parts = [...pair({ path: `${d}/link` }, 'new'), ...pair({ path: `${d}/dangling` }, 'made')];
  expect(await answerOf(await upload(execd, parts))).toEqual(EMPTY_SUCCESS);
  for (const name of ['link', 'dangling'])
    expect((await lstat(`${d}/${name}`)).isSymbolicLink(), name).toBe(true);
  expect(await readFile(`${d}/sub/file`, 'utf8')).toBe('new');
  expect(await readFile(`${d}/sub/new`, 'utf8')).toBe('made');
  expect(await modeOf(`${d}/sub/file`)).toBe(0o604);
});

const orders: [string, (pairs: Part[][]) => Part[]][] = [
  ['pairs one after the other', (pairs) => pairs.flat()],
  ['all metadata, then all files', (pairs) => [...column(pairs, 0), ...column(pairs, 1)]],
  ['all files, then all metadata', (pairs) => [...column(pairs, 1), ...column(pairs, 0)]],
  ['every file in front of its metadata', (pairs) => pairs.flatMap((parts) => [...parts].reverse())],
];

function column(pairs: Part[][], index: number): Part[] {
  return pairs.flatMap((parts) => parts.slice(index, index + 1));
}

test.each(orders)('contract §7.7: the i-th metadata belongs to the i-th file: %s', async (_name, order) => {
  await using directory = await temporaryDirectory();
  await using execd = await startExecd();
  const names = Array.from({ length: 7 }, (_, index) => `file-${index}`);
  const pairs = names.map((name) => pair({ path: `${directory.path}/${name}` }, `content of ${name}`));
  expect(await answerOf(await upload(execd, order(pairs)))).toEqual(EMPTY_SUCCESS);
  expect((await readdir(directory.path)).sort()).toEqual(names);
  for (const name of names) {
    expect(await readFile(`${directory.path}/${name}`, 'utf8')).toBe(`content of ${name}`);
  }
});

test('two files for one path: the last one wins, and nothing else is left', async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/file`;
  await using execd = await startExecd();
  const parts = [
    ...pair({ path, mode: 600 }, 'first'),
    ...pair({ path: `${directory.path}/./file` }, 'last'),
  ];
  expect(await answerOf(await upload(execd, parts))).toEqual(EMPTY_SUCCESS);
  expect(await readdir(directory.path)).toEqual(['file']);
  expect(await readFile(path, 'utf8')).toBe('last');
});

test('contract §7.7: other parts are ignored', async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/file`;
  await using execd = await startExecd();
  const extra = [
    { name: 'note', body: 'x' },
    { name: 'blob', filename: 'blob', body: 'x'.repeat(300_000) },
    { name: 'FILE', filename: 'other', body: 'x' },
  ];
  const [metadata, file] = pair({ path }, 'content');
  const parts = [...extra, ...(metadata ? [metadata] : []), ...extra, ...(file ? [file] : []), ...extra];
  expect(await answerOf(await upload(execd, parts))).toEqual(EMPTY_SUCCESS);
  expect(await readFile(path, 'utf8')).toBe('content');
  expect(await readdir(directory.path)).toEqual(['file']);
});

test('metadata without a filename is taken', async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/file`;
  await using execd = await startExecd();
  const parts = [{ name: 'metadata', body: JSON.stringify({ path }) }, filePart('content')];
  expect(await answerOf(await upload(execd, parts))).toEqual(EMPTY_SUCCESS);
  expect(await readFile(path, 'utf8')).toBe('content');
});

test('contract §7.7: filenames and content types of the parts have no meaning', async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/file`;
  await using execd = await startExecd();
  const metadata = { ...metadataPart({ path }), filename: '../../evil', contentType: 'text/html' };
  const file = { ...filePart('content', '/etc/passwd'), contentType: 'multipart/mixed; boundary=x' };
  expect(await answerOf(await upload(execd, [metadata, file]))).toEqual(EMPTY_SUCCESS);
  expect(await readFile(path, 'utf8')).toBe('content');
  expect(await readdir(directory.path)).toEqual(['file']);
});

test('contract §1.4: keys of the metadata in any case, unknown ones ignored', async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/file`;
  await using execd = await startExecd();
  expect(await answerOf(await upload(execd, pair({ Path: path, MODE: 600, why: [] }, 'a')))).toEqual(
    EMPTY_SUCCESS,
  );
  expect(await modeOf(path)).toBe(0o600);
});

test('a thousand pairs in one request, all in directories that it makes', async () => {
  await using directory = await temporaryDirectory();
  await using execd = await startExecd();
  const names = Array.from({ length: 1_000 }, (_, index) => `made/${index % 10}/file-${index}`);
  const parts = names.flatMap((name) => pair({ path: `${directory.path}/${name}`, mode: 640 }, `of ${name}`));
  expect(await answerOf(await upload(execd, parts))).toEqual(EMPTY_SUCCESS);
  const tree = await readTree(directory.path);
  const files = Object.entries(tree).filter(([, text]) => text.startsWith('file 640 '));
  expect(files).toHaveLength(1_000);
  expect(files.every(([name, text]) => text.endsWith(` of ${name}`))).toBe(true);
  expect(Object.keys(tree)).toHaveLength(1_011);
});

test('more than 100,000 parts are 400, and nothing is written', async () => {
  await using directory = await temporaryDirectory();
  await using execd = await startExecd();
  const extra = Array.from({ length: 100_000 }, () => ({ name: 'x', body: '' }));
  const response = await upload(execd, [...pair({ path: `${directory.path}/file` }, 'a'), ...extra]);
  const failure = await failureOf(response);
  expect([failure.status, failure.code]).toEqual([400, 'INVALID_FILE']);
  expect(await readdir(directory.path)).toEqual([]);
});
