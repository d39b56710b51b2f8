import { createHash, randomBytes } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startExecd } from '../support/execd.ts';
import type { Execd } from '../support/execd.ts';
import { EMPTY_SUCCESS, answerOf, upload } from '../support/file-calls.ts';
import { encodeForm, filePart, metadataPart, pair } from '../support/multipart.ts';
import type { Part, Shape } from '../support/multipart.ts';
import { rawRequest } from '../support/raw-request.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

/** How the known clients write an upload of a file `a b.txt`. */
const clients: [string, Shape, (path: string, content: string) => Part[]][] = [
  [
    'Python',
    { boundary: '5d6b0f6c2c5c4ff6a21e8c1fd0c7b1a9' },
    (path, content) => [metadataPart({ path, owner: null, group: null, mode: 755 }), filePart(content, path)],
  ],
  [
    'Go',
    { boundary: 'a'.repeat(60) },
    (path, content) => [metadataPart({ path, mode: 644 }), filePart(content, 'a b.txt')],
  ],
  [
    'OkHttp',
    { boundary: '0c6f1a3e-9d1d-4a0e-8f6e-2b1f0a9c7d55', partLengths: true },
    (path, content) => [
      { ...metadataPart({ path }), contentType: 'application/json; charset=utf-8' },
      filePart(content, path),
    ],
  ],
  [
    '.NET',
    {
      boundary: '6e1a7c1f-7a0b-4f7c-9d0c-3f5e8d2b1a77',
      quotedBoundary: true,
      unquoted: true,
      extendedFilename: 'beside',
      contentTypeFirst: true,
    },
    (path, content) => [metadataPart({ path }), filePart(content, 'ab.txt')],
  ],
  [
    'the JavaScript SDK, streaming',
    { boundary: 'opensandbox_8f3a1c_1795258790341' },
    (path, content) => [metadataPart({ path }), filePart(content, 'a b.txt')],
  ],
  ['a filename* alone', { extendedFilename: 'instead' }, (path, content) => pair({ path }, content)],
  ['header names in lower case', { lowerCase: true }, (path, content) => pair({ path }, content)],
  [
    'text around the form',
    { around: 'This is a multipart message.' },
    (path, content) => pair({ path }, content),
  ],
  ['white space behind boundaries', { padding: ' \t ' }, (path, content) => pair({ path }, content)],
  [
    'a boundary of every allowed character',
    { boundary: "'()+_,-./:=?A9 z", quotedBoundary: true },
    (path, content) => pair({ path }, content),
  ],
  ['a boundary of 70 characters', { boundary: 'B'.repeat(70) }, (path, content) => pair({ path }, content)],
  ['a boundary of one character', { boundary: 'B' }, (path, content) => pair({ path }, content)],
];

test.each(clients)('contract §19: the form of %s', async (_name, shape, parts) => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/a b.txt`;
  await using execd = await startExecd();
  expect(await answerOf(await upload(execd, parts(path, 'line\r\n--\r\n\r\n'), shape))).toEqual(
    EMPTY_SUCCESS,
  );
  expect(await readdir(directory.path)).toEqual(['a b.txt']);
  expect(await readFile(path, 'utf8')).toBe('line\r\n--\r\n\r\n');
});

test.each(clients)('contract §19: the form of %s in chunks of one byte', async (_name, shape, parts) => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/a b.txt`;
  await using execd = await startExecd();
  const { contentType, body } = encodeForm(parts(path, 'a\r\n-\r\n--b'), shape);
  const chunks = Array.from(body, (byte) => Buffer.of(byte));
  expect(await sendChunks(execd, contentType, chunks)).toBe(200);
  expect(await readFile(path, 'utf8')).toBe('a\r\n-\r\n--b');
});

test('contract §14.1: FormData with blobs, as the JavaScript SDK sends it', async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/"quoted"\nname`;
  await using execd = await startExecd();
  const form = new FormData();
  form.append('metadata', new Blob([JSON.stringify({ path })], { type: 'application/json' }), 'metadata');
  form.append('file', new Blob(['content'], { type: 'text/plain; charset=utf-8' }), '"quoted"\nname');
  const headers = { connection: 'close' };
  const response = await fetch(`${execd.url}/files/upload`, { method: 'POST', headers, body: form });
  expect(await answerOf(response)).toEqual(EMPTY_SUCCESS);
  expect(await readFile(path, 'utf8')).toBe('content');
});

test.each([['a"b'], ['a\\b'], ['a\nb'], ['a;b=c'], ['größe']])(
  'contract §14.1: the filename %j, unescaped as the streaming SDK has it',
  async (name) => {
    await using directory = await temporaryDirectory();
    const path = `${directory.path}/${name}`;
    await using execd = await startExecd();
    const parts = [metadataPart({ path }), filePart('content', name)];
    expect(await answerOf(await upload(execd, parts))).toEqual(EMPTY_SUCCESS);
    expect(await readdir(directory.path)).toEqual([name]);
  },
);

test('contract §14.2: many interleaved pairs with nulls, as Python sends them', async () => {
  await using directory = await temporaryDirectory();
  await using execd = await startExecd();
  const names = Array.from({ length: 50 }, (_, index) => `file-${index}`);
  const parts = names.flatMap((name) => {
    const path = `${directory.path}/${name}`;
    return [metadataPart({ path, owner: null, group: null, mode: 755 }), filePart(name, path)];
  });
  expect(await answerOf(await upload(execd, parts))).toEqual(EMPTY_SUCCESS);
  for (const name of names) expect(await readFile(`${directory.path}/${name}`, 'utf8')).toBe(name);
});

const BOUNDARY = 'execd-test-boundary';

test.each([
  ['nothing', ''],
  ['line ends only', '\r\n\r\n'],
  ['a line end in front of the boundary', 'text\r\n'],
  ['a carriage return in front of the boundary', 'text\r'],
  ['dashes', '--'],
  ['the boundary without its last character', `\r\n--${BOUNDARY.slice(0, -1)}`],
  ['the boundary without a line end in front', `x--${BOUNDARY}--\r\n`],
  ['the boundary with one dash', `\r\n-${BOUNDARY}\r\n`],
  ['many beginnings of the boundary', `\r\n--${BOUNDARY.slice(0, 9)}`.repeat(50)],
  ['carriage returns', '\r'.repeat(100)],
  ['a boundary behind a bare line feed', `\n--${BOUNDARY}\n`],
  ['every byte', Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))],
  ['the headers of a part', '\r\nContent-Disposition: form-data; name="file"\r\n\r\n'],
])('contract §19: a file that is %s arrives to the byte, whole and byte by byte', async (_name, content) => {
  await using directory = await temporaryDirectory();
  await using execd = await startExecd();
  const whole = `${directory.path}/whole`;
  expect(await answerOf(await upload(execd, pair({ path: whole }, content)))).toEqual(EMPTY_SUCCESS);
  expect(await readFile(whole)).toEqual(Buffer.from(content));
  const { contentType, body } = encodeForm(pair({ path: join(directory.path, 'bytes') }, content));
  expect(
    await sendChunks(
      execd,
      contentType,
      Array.from(body, (byte) => Buffer.of(byte)),
    ),
  ).toBe(200);
  expect(await readFile(join(directory.path, 'bytes'))).toEqual(Buffer.from(content));
});

test('a large file in chunks of odd sizes, without a Content-Length, with its metadata in front or behind', async () => {
  await using directory = await temporaryDirectory();
  await using execd = await startExecd();
  const content = randomBytes(9_000_001);
  for (const name of ['metadata-first', 'file-first']) {
    const path = `${directory.path}/${name}`;
    const parts = pair({ path }, content);
    const { contentType, body } = encodeForm(name === 'file-first' ? parts.reverse() : parts);
    expect(await sendChunks(execd, contentType, slices(body, 65_537))).toBe(200);
    expect(digest(await readFile(path))).toBe(digest(content));
  }
  expect((await readdir(directory.path)).sort()).toEqual(['file-first', 'metadata-first']);
});

async function sendChunks(execd: Execd, contentType: string, chunks: Iterable<Buffer>): Promise<number> {
  const headers = { 'content-type': contentType };
  return (await rawRequest(`${execd.url}/files/upload`, 'POST', { headers, chunks })).status;
}

function* slices(bytes: Buffer, size: number): Generator<Buffer> {
  for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size);
}

function digest(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
