import { chown } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { startExecd } from '../support/execd.ts';
import { failureOf, upload } from '../support/file-calls.ts';
import { readTree, writeTree } from '../support/file-tree.ts';
import { encodeForm, filePart, metadataPart, pair } from '../support/multipart.ts';
import type { Part } from '../support/multipart.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const isRoot = process.getuid?.() === 0;

test.each([
  ['no Content-Type', {}, ''],
  ['JSON', { 'content-type': 'application/json' }, '{"path":"/x"}'],
  ['another multipart', { 'content-type': 'multipart/mixed; boundary=B' }, '--B--\r\n'],
  ['no boundary', { 'content-type': 'multipart/form-data' }, '--B--\r\n'],
  ['an empty body', { 'content-type': 'multipart/form-data; boundary=B' }, ''],
])('contract §7.7: a body that is no form (%s) is 400', async (_name, headers, body) => {
  await using execd = await startExecd();
  const init = { headers: { 'content-type': '', ...headers } };
  expect(await failureOf(await execd.request('POST', '/files/upload', body, init))).toEqual({
    status: 400,
    code: 'INVALID_FILE',
    message: 'multipart form is empty',
  });
});

test('contract §7.7: a form without any part is 400', async () => {
  await using execd = await startExecd();
  const failure = await failureOf(await upload(execd, []));
  expect(failure.status).toBe(400);
  expect(['INVALID_FILE', 'INVALID_FILE_METADATA']).toContain(failure.code);
});

const errors: [string, (path: string) => Part[], string, string | RegExp][] = [
  ['no metadata', () => [filePart('x')], 'INVALID_FILE_METADATA', 'metadata file is missing'],
  ['neither', () => [{ name: 'other', body: 'x' }], 'INVALID_FILE_METADATA', 'metadata file is missing'],
  ['no file', (path) => [metadataPart({ path })], 'INVALID_FILE_CONTENT', 'file is missing'],
  [
    'two metadata and one file',
    (path) => [metadataPart({ path }), metadataPart({ path }), filePart('x')],
    'INVALID_FILE',
    'metadata and file count mismatch: 2 vs 1',
  ],
  [
    'one metadata and three files',
    (path) => [metadataPart({ path }), filePart('x'), filePart('y'), filePart('z')],
    'INVALID_FILE',
    'metadata and file count mismatch: 1 vs 3',
  ],
  ...[
    '{"path":',
    'text',
    '',
    '[]',
    '"text"',
    '{"path":5}',
    '{"path":["a"]}',
    '{"path":"/x","mode":"644"}',
    '{"path":"/x","mode":6.4}',
    '{"path":"/x","owner":0}',
  ].map((text): [string, () => Part[], string, RegExp] => [
    `metadata ${text}`,
    () => pair(text, 'x'),
    'INVALID_FILE_METADATA',
    /^invalid metadata format\. ./,
  ]),
  ...['{}', '{"path":""}', '{"path":null}', 'null'].map((text): [string, () => Part[], string, string] => [
    `metadata ${text}`,
    () => pair(text, 'x'),
    'INVALID_FILE_METADATA',
    'metadata path is empty',
  ]),
];

test.each(errors)('contract §7.7: %s is 400', async (_name, parts, code, message) => {
  await using directory = await temporaryDirectory();
  await using execd = await startExecd();
  const failure = await failureOf(await upload(execd, parts(`${directory.path}/new/file`)));
  expect([failure.status, failure.code]).toEqual([400, code]);
  if (typeof message === 'string') expect(failure.message).toBe(message);
  else expect(failure.message).toMatch(message);
  expect(await readTree(directory.path)).toEqual({});
});

test.each([
  ['a directory as the target', { path: 'folder' }, 500, /./],
  ['a target below a file', { path: 'file/below' }, 500, /./],
  ['a parent below a file', { path: 'file/below/it/x' }, 500, /./],
  ['an unset variable in the path', { path: '$NO_SUCH_VARIABLE/x' }, 500, /NO_SUCH_VARIABLE/],
  [
    'an unknown owner',
    { path: 'new/x', owner: 'bob-nobody-knows' },
    500,
    /^error chmoding file .*unknown user bob/,
  ],
  [
    'an unknown group',
    { path: 'new/x', group: 'no-such-group' },
    500,
    /^error chmoding file .*unknown group no-/,
  ],
  ['mode 8', { path: 'new/x', mode: 8 }, 500, /^error chmoding file ./],
  ['mode 799', { path: 'new/x', mode: 799 }, 500, /^error chmoding file ./],
  ['mode -1', { path: 'new/x', mode: -1 }, 500, /^error chmoding file ./],
  ['a slash at the end', { path: 'new/' }, 500, /./],
])('contract §7.7: %s is %i', async (_name, { path, ...metadata }, status, message) => {
  await using directory = await temporaryDirectory();
  const d = directory.path;
  await writeTree(d, { file: 'f', folder: null });
  const before = await readTree(d);
  await using execd = await startExecd();
  const failure = await failureOf(await upload(execd, pair({ path: `${d}/${path}`, ...metadata }, 'x')));
  expect([failure.status, failure.code]).toEqual([status, 'RUNTIME_ERROR']);
  expect(failure.message).toMatch(message);
  expect(await readTree(d)).toEqual(before);
});

/** Second pairs that cannot be: the reason, the pair, the code of the answer. */
const failing: [string, (d: string) => Part[], string][] = [
  ['its metadata is no JSON', () => pair('{', 'x'), 'INVALID_FILE_METADATA'],
  ['its path is empty', () => pair({ path: '' }, 'x'), 'INVALID_FILE_METADATA'],
  ['its target is a directory', (d) => pair({ path: `${d}/folder` }, 'x'), 'RUNTIME_ERROR'],
  ['its parent is a file', (d) => pair({ path: `${d}/other/x` }, 'x'), 'RUNTIME_ERROR'],
  [
    'its parent is a file of the same request',
    (d) => pair({ path: `${d}/made/first/x` }, 'x'),
    'RUNTIME_ERROR',
  ],
  [
    'its owner is unknown',
    (d) => pair({ path: `${d}/made/second`, owner: 'bob-nobody-knows' }, 'x'),
    'RUNTIME_ERROR',
  ],
  ['its mode is none', (d) => pair({ path: `${d}/second`, mode: 9 }, 'x'), 'RUNTIME_ERROR'],
  ['its path names an unset variable', () => pair({ path: '/$NO_SUCH_VARIABLE' }, 'x'), 'RUNTIME_ERROR'],
  ['its name is too long', (d) => pair({ path: `${d}/${'n'.repeat(256)}` }, 'x'), 'NAME_TOO_LONG'],
  ['its file is missing', (d) => [metadataPart({ path: `${d}/second` })], 'INVALID_FILE'],
];

test.each(failing)(
  'when the second of three fails (%s), nothing is changed and nothing left',
  async (_name, second, code) => {
    await using directory = await temporaryDirectory();
    const d = directory.path;
    await writeTree(d, { 'kept/existing': 'old', folder: null, other: 'o' });
    if (isRoot) await chown(`${d}/kept/existing`, 1_234, 1_235);
    const before = await readTree(d);
    await using execd = await startExecd();
    const parts = [
      ...pair({ path: `${d}/kept/existing`, mode: 600, owner: '4321' }, 'new'),
      ...pair({ path: `${d}/made/first` }, 'x'),
      ...second(d),
      ...pair({ path: `${d}/made/too/last`, owner: 'nobody' }, 'x'),
    ];
    expect(await failureOf(await upload(execd, parts))).toMatchObject({ code });
    expect(await readTree(d)).toEqual(before);
  },
);

test.each([
  ['in the last file', -30],
  ['in front of the last boundary', -26],
  ['in the first file', 400],
  ['in the metadata', 140],
  ['in the headers of a part', 60],
])('a form that ends %s is 400, and nothing is changed', async (_name, end) => {
  await using directory = await temporaryDirectory();
  const d = directory.path;
  await writeTree(d, { one: 'old', two: 'old' });
  const before = await readTree(d);
  await using execd = await startExecd();
  const parts = [
    ...pair({ path: `${d}/one` }, 'n'.repeat(300)),
    ...pair({ path: `${d}/two` }, 'n'.repeat(300)),
  ];
  const { contentType, body } = encodeForm(parts);
  const response = await execd.request('POST', '/files/upload', body.subarray(0, end), {
    headers: { 'content-type': contentType },
  });
  const failure = await failureOf(response);
  expect([failure.status, failure.code]).toEqual([400, 'INVALID_FILE']);
  expect(await readTree(d)).toEqual(before);
});

test.each([
  ['headers of a part without end', Buffer.from(`--B\r\nX: ${'x'.repeat(1_000_000)}`)],
  [
    'metadata without end',
    Buffer.from(
      `--B\r\nContent-Disposition: form-data; name="metadata"; filename="m"\r\n\r\n{"path":"${'x'.repeat(20_000_000)}`,
    ),
  ],
])('%s are refused', async (_name, body) => {
  await using execd = await startExecd();
  const response = await execd.request('POST', '/files/upload', body, {
    headers: { 'content-type': 'multipart/form-data; boundary=B' },
  });
  const { status } = await failureOf(response);
  expect([400, 413, 431]).toContain(status);
  expect((await execd.request('GET', '/ping')).status).toBe(200);
});
