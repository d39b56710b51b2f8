import { once } from 'node:events';
import { readFileSync, readdirSync } from 'node:fs';
import { chmod, readFile, readdir, stat } from 'node:fs/promises';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { expect, test } from 'vitest';
import { startExecd } from '../support/execd.ts';
import { startListening } from '../support/execd-process.ts';
import { EMPTY_SUCCESS, answerOf, upload, withPaths } from '../support/file-calls.ts';
import { readTree, writeTree } from '../support/file-tree.ts';
import { encodeForm, filePart, metadataPart, pair } from '../support/multipart.ts';
import type { Form } from '../support/multipart.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { until } from '../support/until.ts';

const MEBIBYTE = 1024 * 1024;

/** Announces all of the form and sends the first part of it. The socket belongs to the stack. */
async function sendPart(
  stack: AsyncDisposableStack,
  url: string,
  { contentType, body }: Form,
  bytes: number,
): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  stack.defer(() => void socket.destroy());
  // The server is killed under some of them.
  socket.on('error', () => socket.destroy());
  await once(socket, 'connect');
  const head = [
    'POST /files/upload HTTP/1.1',
    'Host: x',
    `Content-Type: ${contentType}`,
    `Content-Length: ${body.length}`,
    '',
    '',
  ].join('\r\n');
  socket.write(head);
  if (!socket.write(body.subarray(0, bytes))) {
    await Promise.race([once(socket, 'drain'), once(socket, 'close')]);
  }
  return socket;
}

/** What the file calls of a process need. */
function client(url: string): {
  request: (method: string, path: string, body?: unknown, init?: RequestInit) => Promise<Response>;
} {
  return {
    request: (method, path, body, init = {}) =>
      fetch(url + path, {
        ...init,
        method,
        headers: { ...(init.headers as Record<string, string>), connection: 'close' },
        ...(body instanceof Uint8Array ? { body: Uint8Array.from(body) } : {}),
      }),
  };
}

test('kill -9 in the middle of an upload: the old content is whole, and the next server can replace it', async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/target`;
  await writeTree(directory.path, { target: 'old' });
  const form = encodeForm(pair({ path }, Buffer.alloc(16 * MEBIBYTE, 'n')));
  {
    await using stack = new AsyncDisposableStack();
    const execd = stack.use(await startListening());
    await sendPart(stack, execd.url, form, 8 * MEBIBYTE);
    // What has come so far is beside the target.
    await until(() => readdirSync(directory.path).length > 1);
    execd.kill('SIGKILL');
    await execd.ended;
  }
  expect(await readFile(path, 'utf8')).toBe('old');
  await using again = await startListening();
  expect(await answerOf(await upload(client(again.url), pair({ path }, 'new')))).toEqual(EMPTY_SUCCESS);
  expect(await readFile(path, 'utf8')).toBe('new');
});

test.each([
  ['in the file', 4 * MEBIBYTE],
  ['in the metadata', 140],
  ['in front of the body', 0],
  ['in the last part', -30],
])('a client that dies %s leaves the old content and nothing beside it', async (_name, bytes) => {
  await using directory = await temporaryDirectory();
  const d = directory.path;
  await writeTree(d, { target: 'old' });
  const before = await readTree(d);
  const content = Buffer.alloc(8 * MEBIBYTE, 'n');
  const parts = [...pair({ path: `${d}/target`, mode: 600 }, content), ...pair({ path: `${d}/made/x` }, 'x')];
  const form = encodeForm(parts);
  await using stack = new AsyncDisposableStack();
  const execd = stack.use(await startListening());
  const socket = await sendPart(stack, execd.url, form, bytes < 0 ? form.body.length + bytes : bytes);
  if (bytes > MEBIBYTE || bytes < 0) await until(() => readdirSync(d).length > 1);
  socket.destroy();
  await execd.logged(({ url }) => url === '/files/upload');
  await until(() => readdirSync(d).length === 1);
  expect(await readTree(d)).toEqual(before);
  const again = await upload(client(execd.url), pair({ path: `${d}/target` }, 'new'));
  expect(await answerOf(again)).toEqual(EMPTY_SUCCESS);
});

test('clients that die one after the other leave no open file and no temporary file', async () => {
  await using directory = await temporaryDirectory();
  const form = encodeForm([
    filePart(Buffer.alloc(2 * MEBIBYTE, 'n')),
    metadataPart({ path: `${directory.path}/x` }),
  ]);
  await using stack = new AsyncDisposableStack();
  const execd = stack.use(await startListening());
  const openFiles = () => readdirSync(`/proc/${execd.pid}/fd`).length;
  const answer = await upload(client(execd.url), pair({ path: `${directory.path}/warm` }, 'x'));
  expect(await answerOf(answer)).toEqual(EMPTY_SUCCESS);
  const before = openFiles();
  for (let round = 0; round < 20; round += 1) {
    (await sendPart(stack, execd.url, form, MEBIBYTE)).destroy();
  }
  await until(() => openFiles() <= before);
  await until(() => readdirSync(directory.path).length === 1);
  expect(await readdir(directory.path)).toEqual(['warm']);
});

test('two uploads to one file at the same time: it is one of the two, whole', async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/target`;
  await using execd = await startExecd();
  for (let round = 0; round < 5; round += 1) {
    const contents = ['a', 'b', 'c'].map((letter) => Buffer.alloc(3 * MEBIBYTE, letter));
    const uploads = contents.map(async (content) => answerOf(await upload(execd, pair({ path }, content))));
    expect(await Promise.all(uploads)).toEqual([EMPTY_SUCCESS, EMPTY_SUCCESS, EMPTY_SUCCESS]);
    const result = await readFile(path);
    expect(contents.some((content) => content.equals(result))).toBe(true);
    expect(await readdir(directory.path)).toEqual(['target']);
  }
});

test('who reads while a file is replaced gets the old content or the new one, never a mix or nothing', async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/target`;
  const letters = ['a', 'b'].map((letter) => letter.repeat(MEBIBYTE));
  await writeTree(directory.path, { target: letters[0] ?? '' });
  await using execd = await startExecd();
  const progress = { isWriting: true };
  const write = async () => {
    for (let round = 0; round < 20; round += 1) {
      const answer = await answerOf(await upload(execd, pair({ path }, letters[round % 2] ?? '')));
      expect(answer).toEqual(EMPTY_SUCCESS);
    }
  };
  const read = async () => {
    while (progress.isWriting) {
      const response = await execd.request('GET', withPaths('/files/download', path));
      expect(letters.includes(await response.text())).toBe(true);
      expect(letters.includes(readFileSync(path, 'utf8'))).toBe(true);
    }
  };
  const both = [write().finally(() => (progress.isWriting = false)), read()];
  await Promise.allSettled(both);
  await Promise.all(both);
});

test('two replacements in one file at the same time: neither leaves a broken file', async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/target`;
  await writeTree(directory.path, { target: 'x'.repeat(MEBIBYTE) });
  await chmod(path, 0o640);
  await using execd = await startExecd();
  const edits = ['y', 'z'].map(async (letter) =>
    answerOf(await execd.request('POST', '/files/replace', { [path]: { old: 'x', new: letter } })),
  );
  expect(await Promise.all(edits)).toEqual([EMPTY_SUCCESS, EMPTY_SUCCESS]);
  const content = await readFile(path, 'utf8');
  expect(['y', 'z'].some((letter) => letter.repeat(MEBIBYTE) === content)).toBe(true);
  expect((await stat(path)).mode & 0o777).toBe(0o640);
  expect(await readdir(directory.path)).toEqual(['target']);
});
