import { mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startExecd } from '../support/execd.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

/** A server with a root that links lead out of, and a secret beside the root. */
async function rootedExecd() {
  const stack = new AsyncDisposableStack();
  const directory = stack.use(await temporaryDirectory());
  const root = join(directory.path, 'root');
  const secret = join(directory.path, 'secret');
  mkdirSync(root);
  writeFileSync(secret, 'secret');
  writeFileSync(join(root, 'file'), 'inside');
  symlinkSync(secret, join(root, 'out'));
  symlinkSync('..', join(root, 'up'));
  const execd = stack.use(await startExecd(['--files-root', root]));
  return { root, secret, execd, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

const form = (path: string) => {
  const body = new FormData();
  body.append('metadata', new Blob([JSON.stringify({ path })]), 'metadata');
  body.append('file', new Blob(['changed']), 'file');
  return body;
};

test('no call gets out: not by an absolute path, not by `..`, not by a link', async () => {
  await using place = await rootedExecd();
  const { execd, root, secret } = place;
  for (const path of [secret, '../secret', `${root}/up/secret`, `${root}/../secret`, '/etc/passwd']) {
    const at = encodeURIComponent(path);
    const calls: [string, string, unknown?][] = [
      ['GET', `/files/info?path=${at}`],
      ['GET', `/files/download?path=${at}`],
      ['GET', `/files/download?path=${at}&offset=1`],
      ['DELETE', `/files?path=${at}`],
      ['PUT', `/files/content?path=${at}`, 'changed'],
      ['PUT', `/files/content?path=${at}&append=true`, 'changed'],
      ['POST', '/files/mv', [{ src: path, dest: 'moved' }]],
      ['POST', '/files/mv', [{ src: 'file', dest: path }]],
      ['POST', '/files/copy', [{ src: path, dest: 'copied' }]],
      ['POST', '/files/permissions', { [path]: { mode: 777 } }],
      ['POST', '/files/replace', { [path]: { old: 's', new: 'x' } }],
      ['GET', `/files/search?path=${at}`],
      ['GET', `/files/grep?path=${at}&pattern=s`],
      ['GET', `/files/watch?path=${at}`],
      ['GET', `/directories/list?path=${at}`],
      ['POST', '/directories', { [`${path}/sub`]: {} }],
      ['DELETE', `/directories?path=${at}`],
      ['GET', `/directories/archive?path=${at}`],
      ['PUT', `/directories/archive?path=${at}`, 'x'],
    ];
    for (const [method, url, body] of calls) {
      const response = await execd.request(method, url, body);
      expect([method, url, response.status, await response.json()]).toEqual([
        method,
        url,
        403,
        {
          code: 'OUTSIDE_FILES_ROOT',
          message: expect.stringContaining('outside of the files root') as unknown,
        },
      ]);
    }
    const upload = await fetch(`${execd.url}/files/upload`, {
      method: 'POST',
      body: form(path),
      headers: { connection: 'close' },
    });
    expect([upload.status, await upload.json()]).toMatchObject([403, { code: 'OUTSIDE_FILES_ROOT' }]);
  }
  expect(readFileSync(place.secret, 'utf8')).toBe('secret');
});

test('inside everything works, relative paths begin at the root, and a link itself may be looked at and removed', async () => {
  await using place = await rootedExecd();
  const { execd, root } = place;
  expect(await (await execd.request('GET', '/files/download?path=file')).text()).toBe('inside');
  const info = (await (await execd.request('GET', '/files/info?path=out')).json()) as Record<string, unknown>;
  expect(info['out']).toMatchObject({ type: 'symlink', path: join(root, 'out') });
  expect((await execd.request('GET', '/files/download?path=out')).status).toBe(403);
  expect((await execd.request('DELETE', '/files?path=out')).status).toBe(200);
  expect(readdirSync(root)).toEqual(['file', 'up']);
  expect((await execd.request('PUT', '/files/content?path=deep/new', 'x')).status).toBe(200);
  expect(readFileSync(join(root, 'deep/new'), 'utf8')).toBe('x');
});

test('the root itself is not removed', async () => {
  await using place = await rootedExecd();
  const response = await place.execd.request('DELETE', `/directories?path=${place.root}`);
  expect([response.status, await response.json()]).toMatchObject([400, { code: 'INVALID_REQUEST_BODY' }]);
  expect(readdirSync(place.root)).toHaveLength(3);
});

test('without a root / is not removed either', async () => {
  await using execd = await startExecd();
  for (const path of ['/', '//', '/../', '/usr/..']) {
    const response = await execd.request('DELETE', `/directories?path=${encodeURIComponent(path)}`);
    expect(response.status).toBe(400);
  }
});
