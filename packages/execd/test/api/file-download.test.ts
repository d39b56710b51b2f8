import { createHash, randomBytes } from 'node:crypto';
import { readdirSync, readlinkSync } from 'node:fs';
import { utimes, writeFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { startExecd } from '../support/execd.ts';
import { failureOf, withPaths } from '../support/file-calls.ts';
import { writeTree } from '../support/file-tree.ts';
import { rawRequest } from '../support/raw-request.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { until } from '../support/until.ts';

const OCTETS = 'application/octet-stream';

test.each([['/files/download'], ['/files/download?path='], ['/files/download?path=&offset=1']])(
  'contract §7.8: %s is 400',
  async (path) => {
    await using execd = await startExecd();
    expect(await failureOf(await execd.request('GET', path))).toEqual({
      status: 400,
      code: 'MISSING_QUERY',
      message: "missing query parameter 'path'",
    });
  },
);

test.each([
  ['the file', 'missing'],
  ['the directory', 'no/such/file'],
  ['the target of a symbolic link', 'dangling'],
])('contract §7.8: %s is missing: 404', async (_name, name) => {
  await using directory = await temporaryDirectory();
  await writeTree(directory.path, { dangling: { link: 'nowhere' } });
  await using execd = await startExecd();
  const failure = await failureOf(
    await execd.request('GET', withPaths('/files/download', `${directory.path}/${name}`)),
  );
  expect([failure.status, failure.code]).toEqual([404, 'FILE_NOT_FOUND']);
});

test.each([
  ['a directory', {}],
  ['a directory, by lines', { offset: 1 }],
  ['a directory, by lines', { limit: 5 }],
])('%s is 400', async (_name, query) => {
  await using directory = await temporaryDirectory();
  await using execd = await startExecd();
  const response = await execd.request('GET', withPaths('/files/download', directory.path, query));
  expect((await failureOf(response)).status).toBe(400);
});

test('contract §7.8: a whole file and its headers', async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/a.txt`;
  await writeFile(path, 'hello\r\n');
  await utimes(path, 1_500_000_000, 1_500_000_000);
  await using execd = await startExecd();
  const answer = await rawRequest(execd.url + withPaths('/files/download', path), 'GET');
  expect([answer.status, answer.body.toString()]).toEqual([200, 'hello\r\n']);
  expect(answer.headers).toMatchObject({
    'content-type': OCTETS,
    'content-disposition': 'attachment; filename="a.txt"',
    'content-length': '7',
    'accept-ranges': 'bytes',
    'last-modified': 'Fri, 14 Jul 2017 02:40:00 GMT',
  });
  expect(answer.headers['transfer-encoding']).toBeUndefined();
  expect(answer.headers['content-range']).toBeUndefined();
});

test.each([[0], [1], [65_535], [65_536], [65_537], [1_048_576], [9_000_001]])(
  'contract §7.8: %i bytes arrive as they are',
  async (size) => {
    await using directory = await temporaryDirectory();
    const content = randomBytes(size);
    await writeFile(`${directory.path}/file`, content);
    await using execd = await startExecd();
    const url = execd.url + withPaths('/files/download', `${directory.path}/file`);
    const { status, headers, body } = await rawRequest(url, 'GET');
    expect([status, headers['content-length'], body.length]).toEqual([200, String(size), size]);
    expect(createHash('sha256').update(body).digest('hex')).toBe(
      createHash('sha256').update(content).digest('hex'),
    );
  },
);

test('a symbolic link is followed; its own name is the name of the attachment', async () => {
  await using directory = await temporaryDirectory();
  await writeTree(directory.path, { 'file.bin': 'content', 'link.txt': { link: 'file.bin' } });
  await using execd = await startExecd();
  const response = await execd.request('GET', withPaths('/files/download', `${directory.path}/link.txt`));
  expect(response.headers.get('content-disposition')).toBe('attachment; filename="link.txt"');
  expect(await response.text()).toBe('content');
});

test.each([
  ['plain.txt', 'attachment; filename="plain.txt"'],
  ['with space.txt', 'attachment; filename="with space.txt"'],
  ["it's (1) 100%.txt", `attachment; filename="it's (1) 100%.txt"`],
  ['no-extension', 'attachment; filename="no-extension"'],
  ['测试.txt', `attachment; filename="%E6%B5%8B%E8%AF%95.txt"; filename*=UTF-8''%E6%B5%8B%E8%AF%95.txt`],
  [
    'mixed 测 100%.txt',
    `attachment; filename="mixed%20%E6%B5%8B%20100%25.txt"; filename*=UTF-8''mixed%20%E6%B5%8B%20100%25.txt`,
  ],
  [
    "é('*!).txt",
    `attachment; filename="%C3%A9%28%27%2A%21%29.txt"; filename*=UTF-8''%C3%A9%28%27%2A%21%29.txt`,
  ],
  ['😀', `attachment; filename="%F0%9F%98%80"; filename*=UTF-8''%F0%9F%98%80`],
])('contract §7.8: Content-Disposition of %s', async (name, expected) => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/${name}`;
  await writeFile(path, '');
  await using execd = await startExecd();
  const response = await execd.request('GET', withPaths('/files/download', path));
  expect([response.status, response.headers.get('content-disposition')]).toEqual([200, expected]);
});

test.each([
  ['the same second', '2017-07-14T02:40:00Z', 304],
  ['later', '2017-07-14T02:40:01Z', 304],
  ['earlier', '2017-07-14T02:39:59Z', 200],
])('contract §7.8: If-Modified-Since %s', async (_name, since, status) => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/file`;
  await writeFile(path, 'hello');
  await utimes(path, 1_500_000_000, 1_500_000_000.75);
  await using execd = await startExecd();
  const headers = { 'if-modified-since': new Date(since).toUTCString() };
  const answer = await rawRequest(execd.url + withPaths('/files/download', path), 'GET', { headers });
  expect([answer.status, answer.body.toString()]).toEqual([status, status === 304 ? '' : 'hello']);
});

test('an If-Modified-Since that is no date has no effect', async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/file`;
  await writeFile(path, 'hello');
  await using execd = await startExecd();
  const headers = { 'if-modified-since': 'yesterday' };
  const answer = await rawRequest(execd.url + withPaths('/files/download', path), 'GET', { headers });
  expect([answer.status, answer.body.toString()]).toEqual([200, 'hello']);
});

test('a file that becomes shorter while it is read cuts the connection, and the server goes on', async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/file`;
  await writeFile(path, Buffer.alloc(64 * 1024 * 1024));
  await using execd = await startExecd();
  const response = await execd.request('GET', withPaths('/files/download', path));
  await writeFile(path, '');
  await expect(response.arrayBuffer()).rejects.toThrow();
  expect((await execd.request('GET', '/ping')).status).toBe(200);
});

test('a client that leaves in the middle of a download keeps no file open', async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/file`;
  await writeFile(path, Buffer.alloc(64 * 1024 * 1024));
  await using execd = await startExecd();
  for (let round = 0; round < 5; round += 1) {
    const response = await execd.request('GET', withPaths('/files/download', path));
    expect(response.status).toBe(200);
    await response.body?.cancel();
  }
  // While execd still runs: the leak guard would only see what is left behind it.
  await until(() => !openFiles().includes(path));
});

test('contract §1.6: no other method than GET is known', async () => {
  await using directory = await temporaryDirectory();
  await writeFile(`${directory.path}/file`, '');
  await using execd = await startExecd();
  const url = execd.url + withPaths('/files/download', `${directory.path}/file`);
  const methods = ['GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'DELETE'];
  const answers = methods.map(async (method) => (await rawRequest(url, method)).status);
  expect(await Promise.all(answers)).toEqual([200, 404, 404, 404, 404, 404]);
});

/** The paths of all files that this process has open. */
function openFiles(): string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)];
    } catch {
      // The descriptor of this very listing.
      return [];
    }
  });
}
