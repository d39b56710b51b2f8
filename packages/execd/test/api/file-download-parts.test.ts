import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { startExecd } from '../support/execd.ts';
import type { Execd } from '../support/execd.ts';
import { answerOf, failureOf, withPaths } from '../support/file-calls.ts';
import { rawRequest } from '../support/raw-request.ts';
import type { RawAnswer } from '../support/raw-request.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

/** 55 bytes. */
const CONTENT = Array.from({ length: 11 }, (_, index) => `${String(index).padStart(4, '0')}\n`).join('');

function range(execd: Execd, path: string, value: string): Promise<RawAnswer> {
  return rawRequest(execd.url + withPaths('/files/download', path), 'GET', { headers: { range: value } });
}

test.each([
  ['bytes=0-9', 0, 10],
  ['bytes=0-0', 0, 1],
  ['bytes=54-54', 54, 55],
  ['bytes=10-', 10, 55],
  ['bytes=0-', 0, 55],
  ['bytes=50-1000', 50, 55],
  ['bytes=-5', 50, 55],
  ['bytes=-1000', 0, 55],
  ['bytes=5-9,20-29', 5, 10],
  ['bytes=5-9, 20-29', 5, 10],
  ['bytes=100-200,20-29', 20, 30],
  ['bytes=100-200,-5', 50, 55],
])('contract §7.8: Range: %s is bytes %i to %i in one 206', async (value, start, end) => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/a.txt`;
  await writeFile(path, CONTENT);
  await using execd = await startExecd();
  const answer = await range(execd, path, value);
  expect([answer.status, answer.body.toString()]).toEqual([206, CONTENT.slice(start, end)]);
  expect(answer.headers).toMatchObject({
    'content-type': 'application/octet-stream',
    'content-range': `bytes ${start}-${end - 1}/55`,
    'content-length': String(end - start),
    'content-disposition': 'attachment; filename="a.txt"',
  });
});

test('contract §7.8: a range in the middle of a large file', async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/file`;
  const content = Buffer.alloc(5_000_000, 'abcdefghijklmnopqrstuvwxyz');
  await writeFile(path, content);
  await using execd = await startExecd();
  const answer = await range(execd, path, 'bytes=1234567-4234566');
  expect(answer.headers['content-range']).toBe('bytes 1234567-4234566/5000000');
  expect(answer.body.equals(content.subarray(1_234_567, 4_234_567))).toBe(true);
});

test.each([
  ['bytes=foo'],
  ['bytes=a-b'],
  ['bytes=-'],
  ['bytes=5'],
  ['bytes=5-2'],
  ['bytes=--5'],
  ['bytes=1.5-3'],
  ['bytes=0-5,foo'],
  ['items=0-5'],
  ['0-5'],
])('contract §7.8: the malformed Range: %s is 416', async (value) => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/file`;
  await writeFile(path, CONTENT);
  await using execd = await startExecd();
  const answer = await range(execd, path, value);
  expect(answer.status).toBe(416);
  expect(answer.headers).toMatchObject({
    'content-type': 'application/json; charset=utf-8',
    'content-length': String(answer.body.length),
    'content-range': 'bytes */55',
  });
  expect(answer.headers['content-disposition']).toBeUndefined();
  expect(JSON.parse(answer.body.toString())).toEqual({
    code: 'UNKNOWN',
    message: expect.stringMatching(/./) as string,
  });
});

test.each([['bytes=55-'], ['bytes=100-200'], ['bytes=55-60,70-80']])(
  'contract §7.8: Range: %s behind the end is 416',
  async (value) => {
    await using directory = await temporaryDirectory();
    const path = `${directory.path}/file`;
    await writeFile(path, CONTENT);
    await using execd = await startExecd();
    const answer = await range(execd, path, value);
    expect([answer.status, answer.headers['content-range']]).toEqual([416, 'bytes */55']);
    expect(answer.headers['content-length']).toBe(String(answer.body.length));
    expect(JSON.parse(answer.body.toString())).toEqual({
      code: expect.stringMatching(/./) as string,
      message: expect.stringMatching(/./) as string,
    });
  },
);

test.each([['bytes=0-'], ['bytes=0-9'], ['bytes=5-'], ['bytes=-5']])(
  'contract §7.8: Range: %s of an empty file is an empty 200',
  async (value) => {
    await using directory = await temporaryDirectory();
    const path = `${directory.path}/file`;
    await writeFile(path, '');
    await using execd = await startExecd();
    const answer = await range(execd, path, value);
    expect([answer.status, answer.headers['content-length'], answer.body.length]).toEqual([200, '0', 0]);
  },
);

test('contract §7.8: a range of a missing file is 404', async () => {
  await using directory = await temporaryDirectory();
  await using execd = await startExecd();
  const { status, body } = await range(execd, `${directory.path}/missing`, 'bytes=0-9');
  expect([status, JSON.parse(body.toString())]).toMatchObject([404, { code: 'FILE_NOT_FOUND' }]);
});

test.each([[{ offset: 1 }], [{ limit: 1 }], [{ offset: 1, limit: 1 }]])(
  'contract §7.8: %j together with a Range is 400',
  async (query) => {
    await using directory = await temporaryDirectory();
    const path = `${directory.path}/file`;
    await writeFile(path, CONTENT);
    await using execd = await startExecd();
    const init = { headers: { range: 'bytes=0-9' } };
    const response = await execd.request('GET', withPaths('/files/download', path, query), undefined, init);
    expect(await failureOf(response)).toEqual({
      status: 400,
      code: 'INVALID_REQUEST_BODY',
      message: 'line-based reading (offset/limit) and byte range (Range header) are mutually exclusive',
    });
  },
);

const FIVE = 'line1\nline2\nline3\nline4\nline5\n';

test.each([
  [FIVE, { offset: 2, limit: 2 }, 'line2\nline3'],
  [FIVE, { offset: 4 }, 'line4\nline5'],
  [FIVE, { limit: 2 }, 'line1\nline2'],
  [FIVE, { offset: 1 }, 'line1\nline2\nline3\nline4\nline5'],
  [FIVE, { offset: 5 }, 'line5'],
  [FIVE, { offset: 6 }, ''],
  [FIVE, { offset: 1_000_000 }, ''],
  [FIVE, { offset: 5, limit: 1_000_000 }, 'line5'],
  [FIVE, { offset: 2, limit: '' }, 'line2\nline3\nline4\nline5'],
  [FIVE, { offset: '', limit: 1 }, 'line1'],
  ['line1\nline2', { offset: 2 }, 'line2'],
  ['line1\nline2', { limit: 5 }, 'line1\nline2'],
  ['', { offset: 1 }, ''],
  ['\n', { offset: 1 }, ''],
  ['a\n\nb\n', { limit: 3 }, 'a\n\nb'],
  ['a\n\nb\n', { offset: 2, limit: 1 }, ''],
  ['a\r\nb\r\nc', { limit: 2 }, 'a\nb'],
  ['a\r\r\nb', { limit: 5 }, 'a\nb'],
  ['a\rb\nc', { limit: 1 }, 'a\rb'],
  ['a\r', { limit: 1 }, 'a'],
  ['größe\n😀\n', { offset: 2 }, '😀'],
])('contract §7.8: lines of %j with %j are %j', async (content, query, expected) => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/file`;
  await writeFile(path, content);
  await using execd = await startExecd();
  const response = await execd.request('GET', withPaths('/files/download', path, query));
  expect(response.headers.get('content-type')).toBe('text/plain; charset=utf-8');
  expect(response.headers.get('content-disposition')).toBeNull();
  expect(await answerOf(response)).toEqual([200, expected]);
});

test('contract §7.8: empty offset and limit are none', async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/file`;
  await writeFile(path, FIVE);
  await using execd = await startExecd();
  const query = { offset: '', limit: '' };
  const response = await execd.request('GET', withPaths('/files/download', path, query));
  expect(response.headers.get('content-type')).toBe('application/octet-stream');
  expect(await response.text()).toBe(FIVE);
});

test.each(
  ['0', '-1', 'abc', '1.5', '2x', ' ', 'NaN'].flatMap((value): [string, string][] => [
    ['offset', value],
    ['limit', value],
  ]),
)('contract §7.8: %s=%j is 400', async (name, value) => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/file`;
  await writeFile(path, FIVE);
  await using execd = await startExecd();
  const query = { [name]: value };
  const failure = await failureOf(await execd.request('GET', withPaths('/files/download', path, query)));
  expect([failure.status, failure.code]).toEqual([400, 'INVALID_REQUEST_BODY']);
  expect(failure.message.startsWith(`invalid query parameter '${name}': `), failure.message).toBe(true);
});

test('contract §7.8: whether the file exists is checked before the numbers', async () => {
  await using directory = await temporaryDirectory();
  await using execd = await startExecd();
  const response = await execd.request(
    'GET',
    withPaths('/files/download', `${directory.path}/x`, { offset: 'abc' }),
  );
  expect(await failureOf(response)).toMatchObject({ status: 404, code: 'FILE_NOT_FOUND' });
});

test('contract §7.8: lines longer than any buffer, and bytes that are no text, arrive as they are', async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/file`;
  const long = Buffer.alloc(3_000_000, Buffer.from([0xff, 0x00, 0x80, 0x41]));
  await writeFile(path, Buffer.concat([Buffer.from('1\n'), long, Buffer.from('\n3\n')]));
  await using execd = await startExecd();
  const url = execd.url + withPaths('/files/download', path, { offset: 2, limit: 1 });
  expect((await rawRequest(url, 'GET')).body.equals(long)).toBe(true);
});

test('contract §7.8: lines far into a large file', async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/file`;
  await writeFile(path, Array.from({ length: 1_000_000 }, (_, index) => `line ${index + 1}\r\n`).join(''));
  await using execd = await startExecd();
  const query = { offset: 999_999, limit: 5 };
  const response = await execd.request('GET', withPaths('/files/download', path, query));
  expect(await response.text()).toBe('line 999999\nline 1000000');
});

test.each(['/proc/self/status', '/proc/kallsyms', '/sys/kernel/mm/transparent_hugepage/enabled'])(
  'a file whose size the system does not tell is read whole: %s',
  async (path) => {
    await using execd = await startExecd();
    const response = await execd.request('GET', `/files/download?path=${path}`);
    const text = await response.text();
    expect(response.status).toBe(200);
    // Counters in it change from one reading to the next; its lines do not.
    expect(text.split('\n').length).toBe(readFileSync(path, 'utf8').split('\n').length);
  },
);
