import { request as httpRequest } from 'node:http';
import type { ClientRequest } from 'node:http';
import {
  chmodSync,
  existsSync,
  readFileSync,
  readdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { startExecd } from '../support/execd.ts';
import type { Execd } from '../support/execd.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { until } from '../support/until.ts';

async function put(
  execd: Execd,
  path: string,
  body: string | Uint8Array,
  { query = '', headers = {} }: { query?: string; headers?: Record<string, string> } = {},
): Promise<{ status: number; answer: unknown }> {
  const url = `/files/content?path=${encodeURIComponent(path)}${query}`;
  const response = await execd.request('PUT', url, body, { headers });
  return { status: response.status, answer: await response.json() };
}

/** events.once would reject with the error that comes before. */
function closed(request: ClientRequest): Promise<void> {
  return new Promise((resolve) => request.once('close', resolve));
}

const part = (range: string) => ({ headers: { 'content-range': `bytes ${range}` } });

describe('PUT /files/content', () => {
  test('writes the body byte for byte, makes parents, and answers the size', async () => {
    await using execd = await startExecd();
    await using directory = await temporaryDirectory();
    const path = join(directory.path, 'new/dir/ü "x".bin');
    const bytes = Uint8Array.from({ length: 300_000 }, (_, index) => index % 251);
    expect(await put(execd, path, bytes)).toEqual({ status: 200, answer: { size: 300_000, complete: true } });
    expect(readFileSync(path).equals(bytes)).toBe(true);
    expect(statSync(path).mode & 0o777).toBe(0o666 & ~process.umask());
  });

  test('takes mode, owner and group; an existing file keeps its mode otherwise', async () => {
    await using execd = await startExecd();
    await using directory = await temporaryDirectory();
    const path = join(directory.path, 'file');
    await put(execd, path, 'one', { query: '&mode=640&owner=1234&group=4321' });
    expect(await put(execd, path, '')).toMatchObject({ status: 200, answer: { size: 0 } });
    const { mode, uid, gid, size } = statSync(path);
    expect([(mode & 0o777).toString(8), uid, gid, size]).toEqual(['640', 1234, 4321, 0]);
  });

  test.each(['8', '9999', 'rw', '-1', '77777'])('mode %s is refused and nothing is written', async (mode) => {
    await using execd = await startExecd();
    await using directory = await temporaryDirectory();
    const answer = await put(execd, join(directory.path, 'file'), 'x', { query: `&mode=${mode}` });
    expect(answer).toMatchObject({ status: 400, answer: { code: 'INVALID_REQUEST_BODY' } });
    expect(readdirSync(directory.path)).toEqual([]);
  });

  test('If-None-Match: * only creates', async () => {
    await using execd = await startExecd();
    await using directory = await temporaryDirectory();
    const path = join(directory.path, 'file');
    const headers = { 'if-none-match': '*' };
    expect(await put(execd, path, 'first', { headers })).toMatchObject({ status: 200 });
    expect(await put(execd, path, 'second', { headers })).toMatchObject({
      status: 412,
      answer: { code: 'FILE_EXISTS', message: `file exists: ${path}` },
    });
    expect(await put(execd, path, 'x', { headers: { 'if-none-match': '"tag"' } })).toMatchObject({
      status: 400,
    });
    expect(readFileSync(path, 'utf8')).toBe('first');
    expect(readdirSync(directory.path)).toEqual(['file']);
  });

  test('of many who create the same file one wins', async () => {
    await using execd = await startExecd();
    await using directory = await temporaryDirectory();
    const path = join(directory.path, 'file');
    const headers = { 'if-none-match': '*' };
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, index) => put(execd, path, `writer ${index}`, { headers })),
    );
    expect(answers.map(({ status }) => status).sort((a, b) => a - b)).toEqual([
      200,
      ...Array<number>(7).fill(412),
    ]);
    expect(readdirSync(directory.path)).toEqual(['file']);
  });

  test.each([
    ['no path', '', '', 400, 'MISSING_QUERY'],
    ['a directory', '/tmp', '', 500, 'RUNTIME_ERROR'],
    ['a name of 256 bytes', `/tmp/${'x'.repeat(256)}`, '', 400, 'NAME_TOO_LONG'],
    ['a device', '/dev/null', '', 400, 'INVALID_REQUEST_BODY'],
    ['a directory that is a file', '/etc/passwd/x', '', 500, 'RUNTIME_ERROR'],
    ['an unknown owner', '/tmp/never-written', '&owner=nobody-knows', 500, 'RUNTIME_ERROR'],
  ])('%s: %s', async (_name, path, query, status, code) => {
    await using execd = await startExecd();
    expect(await put(execd, path, 'x', { query })).toMatchObject({ status, answer: { code } });
  });

  test('a client that dies leaves the old content and nothing else', async () => {
    await using execd = await startExecd();
    await using directory = await temporaryDirectory();
    const path = join(directory.path, 'file');
    writeFileSync(path, 'old');
    const request = httpRequest(`${execd.url}/files/content?path=${path}`, {
      method: 'PUT',
      headers: { 'content-length': '1000000' },
    });
    request.on('error', () => undefined);
    request.write(Buffer.alloc(200_000));
    await until(() => readdirSync(directory.path).length === 2);
    request.destroy();
    await closed(request);
    await until(() => readdirSync(directory.path).length === 1);
    expect(readFileSync(path, 'utf8')).toBe('old');
  });
});

describe('PUT /files/content?append=true', () => {
  test('appends, and creates what is missing', async () => {
    await using execd = await startExecd();
    await using directory = await temporaryDirectory();
    const path = join(directory.path, 'sub/log');
    const append = (text: string) => put(execd, path, text, { query: '&append=true' });
    expect(await append('one\n')).toEqual({ status: 200, answer: { size: 4, complete: true } });
    chmodSync(path, 0o600);
    expect(await append('two\n')).toEqual({ status: 200, answer: { size: 8, complete: true } });
    expect(readFileSync(path, 'utf8')).toBe('one\ntwo\n');
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  test('bodies of many clients do not mix', async () => {
    await using execd = await startExecd();
    await using directory = await temporaryDirectory();
    const path = join(directory.path, 'log');
    const lines = Array.from({ length: 10 }, (_, index) => `${String(index).repeat(50_000)}\n`);
    await Promise.all(lines.map((line) => put(execd, path, line, { query: '&append=true' })));
    const written = readFileSync(path, 'utf8').split('\n').slice(0, -1);
    expect(written.sort()).toEqual(lines.map((line) => line.trim()));
  });

  test.each<Record<string, string>>([{ 'if-none-match': '*' }, { 'content-range': 'bytes 0-0/1' }])(
    'excludes %j',
    async (headers) => {
      await using execd = await startExecd();
      const answer = await put(execd, '/tmp/never-written', 'x', { query: '&append=true', headers });
      expect(answer).toMatchObject({ status: 400 });
      expect(existsSync('/tmp/never-written')).toBe(false);
    },
  );

  test('a pipe is refused and nobody waits for its reader', async () => {
    await using execd = await startExecd();
    expect(await put(execd, '/dev/null', 'x', { query: '&append=true' })).toMatchObject({ status: 400 });
  });
});

describe('PUT /files/content with Content-Range', () => {
  test('parts come one by one, and the last one puts the file into place', async () => {
    await using execd = await startExecd();
    await using directory = await temporaryDirectory();
    const path = join(directory.path, 'file');
    writeFileSync(path, 'old', { mode: 0o640 });
    expect(await put(execd, path, 'abcd', part('0-3/10'))).toEqual({
      status: 200,
      answer: { size: 4, complete: false },
    });
    expect(await put(execd, path, 'efg', part('4-6/*'))).toMatchObject({
      answer: { size: 7, complete: false },
    });
    expect(readFileSync(path, 'utf8')).toBe('old');
    expect(await put(execd, path, '', part('*/10'))).toMatchObject({ answer: { size: 7, complete: false } });
    expect(await put(execd, path, 'hij', part('7-9/10'))).toMatchObject({
      answer: { size: 10, complete: true },
    });
    expect(readFileSync(path, 'utf8')).toBe('abcdefghij');
    expect(statSync(path).mode & 0o777).toBe(0o640);
    expect(readdirSync(directory.path)).toEqual(['file']);
  });

  test('a part may be sent again, from wherever it is repeated', async () => {
    await using execd = await startExecd();
    await using directory = await temporaryDirectory();
    const path = join(directory.path, 'file');
    await put(execd, path, 'abcdXXXX', part('0-7/10'));
    await put(execd, path, 'efgh', part('4-7/10'));
    await put(execd, path, 'ij', part('8-9/10'));
    expect(readFileSync(path, 'utf8')).toBe('abcdefghij');
  });

  test('what a client that died had sent is kept, and the upload goes on from there', async () => {
    await using execd = await startExecd();
    await using directory = await temporaryDirectory();
    const path = join(directory.path, 'file');
    const request = httpRequest(`${execd.url}/files/content?path=${path}`, {
      method: 'PUT',
      headers: { 'content-length': '10', 'content-range': 'bytes 0-9/10' },
    });
    request.on('error', () => undefined);
    request.write('abc');
    const size = async () => (await put(execd, path, '', part('*/10'))).answer;
    await until(() => readdirSync(directory.path).length === 1);
    request.destroy();
    await closed(request);
    await expect.poll(size).toEqual({ size: 3, complete: false });
    await expect.poll(() => put(execd, path, 'defghij', part('3-9/10'))).toMatchObject({ status: 200 });
    expect(readFileSync(path, 'utf8')).toBe('abcdefghij');
  });

  test('a gap is refused and says where to go on', async () => {
    await using execd = await startExecd();
    await using directory = await temporaryDirectory();
    const path = join(directory.path, 'file');
    await put(execd, path, 'abc', part('0-2/10'));
    expect(await put(execd, path, 'efg', part('4-6/10'))).toEqual({
      status: 416,
      answer: {
        code: 'INVALID_REQUEST_BODY',
        message: 'the part begins at 4, but 3 bytes have arrived',
        size: 3,
      },
    });
  });

  test('a body of another length than its range is refused', async () => {
    await using execd = await startExecd();
    await using directory = await temporaryDirectory();
    const path = join(directory.path, 'file');
    for (const body of ['ab', 'abcd']) {
      expect(await put(execd, path, body, part('0-2/3'))).toMatchObject({ status: 400 });
    }
    expect(existsSync(path)).toBe(false);
  });

  test.each(['0-9/5', '5-4/10', '0-4', 'x', 'chars 0-1/2', '-5/10'])('%j is no range', async (range) => {
    await using execd = await startExecd();
    const headers = { 'content-range': range.startsWith('chars') ? range : `bytes ${range}` };
    expect(await put(execd, '/tmp/never-written', 'x', { headers })).toMatchObject({
      status: 400,
      answer: { code: 'INVALID_REQUEST_BODY' },
    });
  });

  test('DELETE forgets the parts and leaves the file', async () => {
    await using execd = await startExecd();
    await using directory = await temporaryDirectory();
    const path = join(directory.path, 'file');
    writeFileSync(path, 'old');
    await put(execd, path, 'abc', part('0-2/10'));
    const response = await execd.request('DELETE', `/files/content?path=${path}`);
    expect([response.status, await response.text()]).toEqual([200, '']);
    expect(readdirSync(directory.path)).toEqual(['file']);
    expect(await put(execd, path, '', part('*/10'))).toMatchObject({ answer: { size: 0, complete: false } });
  });

  test('the last part of a file that appeared meanwhile is refused with If-None-Match, and can be tried again', async () => {
    await using execd = await startExecd();
    await using directory = await temporaryDirectory();
    const path = join(directory.path, 'file');
    writeFileSync(path, 'theirs');
    const headers = { 'content-range': 'bytes 0-2/3', 'if-none-match': '*' };
    expect(await put(execd, path, 'abc', { headers })).toMatchObject({ status: 412 });
    expect(await put(execd, path, '', part('*/3'))).toMatchObject({ answer: { size: 3 } });
    expect(readFileSync(path, 'utf8')).toBe('theirs');
  });

  test('through a link the parts and the file stand where it leads', async () => {
    await using execd = await startExecd();
    await using directory = await temporaryDirectory();
    await using other = await temporaryDirectory();
    symlinkSync(join(other.path, 'real'), join(directory.path, 'link'));
    await put(execd, join(directory.path, 'link'), 'abc', part('0-2/6'));
    await put(execd, join(directory.path, 'link'), 'def', part('3-5/6'));
    expect(readFileSync(join(other.path, 'real'), 'utf8')).toBe('abcdef');
    expect(readdirSync(directory.path)).toEqual(['link']);
  });
});
