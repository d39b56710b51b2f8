import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { basename, join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { startExecd } from '../support/execd.ts';
import type { Execd } from '../support/execd.ts';
import { readTree, writeTree } from '../support/file-tree.ts';
import { mountTmpfs } from '../support/mounts.ts';
import { paxHeader, tarDirectory, tarMember, tarSymlink, tarball, TAR_END } from '../support/tar.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { until } from '../support/until.ts';

const TREE = {
  'src/main.ts': 'main',
  'src/deep/er/x.js': 'x',
  'empty directory': null,
  link: { link: 'src/main.ts' },
  large: Buffer.alloc(2_000_000, 'large'),
};

function archivePath(path: string, query: Readonly<Record<string, string>> = {}): string {
  return `/directories/archive?${new URLSearchParams({ path, ...query }).toString()}`;
}

/** GET with what fetch does not show: the trailers. */
async function download(execd: Execd, path: string, headers: Record<string, string> = {}) {
  const outgoing = request(execd.url + path, { agent: false, headers }).end();
  const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  const { statusCode, headers: received, trailers } = incoming;
  return { status: statusCode, headers: received, trailers, bytes: Buffer.concat(chunks) };
}

async function upload(execd: Execd, path: string, bytes: Uint8Array) {
  const response = await execd.request('PUT', path, bytes);
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

describe('there and back', () => {
  test.each([
    [{}, {}, 'application/x-tar', '.tar'],
    [{ format: 'tar.gz' }, {}, 'application/gzip', '.tar.gz'],
    [{}, { accept: 'text/plain, application/gzip;q=0.9' }, 'application/gzip', '.tar.gz'],
    [{ format: 'tar' }, { accept: 'application/gzip' }, 'application/x-tar', '.tar'],
  ])('query %j, headers %j: %s', async (query, headers, type, extension) => {
    await using execd = await startExecd();
    await using directory = await temporaryDirectory();
    await using target = await temporaryDirectory();
    await writeTree(directory.path, TREE);
    const got = await download(execd, archivePath(directory.path, query), headers);
    expect(got.status).toBe(200);
    expect(got.headers).toMatchObject({
      'content-type': type,
      'content-disposition': `attachment; filename="${basename(directory.path)}${extension}"`,
      trailer: 'EXECD-FILES-SKIPPED',
    });
    expect(got.trailers).toEqual({ 'execd-files-skipped': '0' });
    const answer = await upload(execd, archivePath(join(target.path, 'new')), got.bytes);
    expect(answer).toEqual({
      status: 200,
      body: { files: 3, directories: 4, symlinks: 1, bytes: 2_000_005, skipped: 0 },
    });
    const [before, after] = [await readTree(directory.path), await readTree(join(target.path, 'new'))];
    expect(Object.keys(after)).toEqual(Object.keys(before));
    expect(readFileSync(join(target.path, 'new/large')).equals(TREE.large)).toBe(true);
  });

  test('1,500 small files', async () => {
    await using execd = await startExecd();
    await using directory = await temporaryDirectory();
    const files = Array.from({ length: 1_500 }, (_, index) => [`d${index % 30}/f${index}`, `${index}`]);
    await writeTree(directory.path, Object.fromEntries(files) as Record<string, string>);
    const { bytes } = await download(execd, archivePath(directory.path));
    const answer = await upload(execd, archivePath(join(directory.path, 'copy')), bytes);
    expect(answer.body).toMatchObject({ files: 1_500, directories: 30 });
    expect(readFileSync(join(directory.path, 'copy/d29/f1499'), 'utf8')).toBe('1499');
  });

  test('patterns may be repeated', async () => {
    await using execd = await startExecd();
    await using directory = await temporaryDirectory();
    await writeTree(directory.path, TREE);
    const query = '&include=*.ts&include=*.js&exclude=deep&format=tar.gz';
    const { bytes } = await download(execd, archivePath(directory.path) + query);
    await upload(execd, archivePath(join(directory.path, 'copy'), { strip: '1' }), bytes);
    expect(Object.keys(await readTree(join(directory.path, 'copy')))).toEqual(['main.ts']);
    expect(gunzipSync(bytes).length % 512).toBe(0);
  });

  test('what was left out is counted in the trailer', async () => {
    await using execd = await startExecd();
    await using directory = await temporaryDirectory();
    await execd.run({ command: 'mkfifo pipe; touch file', cwd: directory.path });
    expect((await download(execd, archivePath(directory.path))).trailers).toEqual({
      'execd-files-skipped': '1',
    });
  });
});

test('as another user, in both directions, trailer included', async ({ skip }) => {
  skip(process.geteuid?.() !== 0, 'only root can become somebody else');
  await using execd = await startExecd();
  await using directory = await temporaryDirectory();
  chmodSync(directory.path, 0o777);
  await writeTree(directory.path, { 'd/open': 'x', 'd/closed': 'x' });
  chmodSync(join(directory.path, 'd/closed'), 0o600);
  const user = { uid: '65534', gid: '65534' };
  const got = await download(execd, archivePath(join(directory.path, 'd'), user));
  expect([got.status, got.trailers]).toEqual([200, { 'execd-files-skipped': '1' }]);
  const answer = await upload(execd, archivePath(join(directory.path, 'copy'), user), got.bytes);
  expect(answer).toMatchObject({ status: 200, body: { files: 1 } });
  expect(statSync(join(directory.path, 'copy/open'))).toMatchObject({ uid: 65_534, gid: 65_534 });
  const refused = await upload(execd, archivePath(join(directory.path, 'd'), user), got.bytes);
  expect(refused).toMatchObject({ status: 403, body: { code: 'PERMISSION_DENIED' } });
});

describe('refused', () => {
  test.each([
    ['GET', '/directories/archive', 400, 'MISSING_QUERY', "missing query parameter 'path'"],
    ['GET', '/directories/archive?path=', 400, 'MISSING_QUERY', "missing query parameter 'path'"],
    ['PUT', '/directories/archive', 400, 'MISSING_QUERY', "missing query parameter 'path'"],
    ['GET', '/directories/archive?path=/missing', 404, 'FILE_NOT_FOUND', '/missing'],
    ['GET', '/directories/archive?path=/dev/null', 400, 'INVALID_REQUEST_BODY', 'not a regular file'],
    ['GET', '/directories/archive?path=/tmp&format=zip', 400, 'INVALID_REQUEST_BODY', 'format'],
    ['GET', '/directories/archive?path=/tmp&include=[', 400, 'INVALID_REQUEST_BODY', 'pattern'],
    ['PUT', '/directories/archive?path=/tmp/x&exclude=[', 400, 'INVALID_REQUEST_BODY', 'pattern'],
    ['PUT', '/directories/archive?path=/tmp/x&strip=-1', 400, 'INVALID_REQUEST_BODY', 'strip'],
    ['PUT', '/directories/archive?path=/tmp/x&strip=many', 400, 'INVALID_REQUEST_BODY', 'strip'],
    ['PUT', '/directories/archive?path=/dev/null', 400, 'INVALID_REQUEST_BODY', 'not a directory'],
    ['PUT', '/directories/archive?path=/tmp/%00', 400, 'INVALID_REQUEST_BODY', 'NUL'],
  ])('%s %s: %d %s', async (method, path, status, code, message) => {
    await using execd = await startExecd();
    const response = await execd.request(method, path, method === 'PUT' ? TAR_END : undefined);
    expect([response.status, await response.json()]).toEqual([
      status,
      { code, message: expect.stringContaining(message) as string },
    ]);
  });

  test.each([
    ['nothing', Buffer.alloc(0), 400, 'INVALID_ARCHIVE', 'empty'],
    ['something else', Buffer.from('{"json": true}'.repeat(100)), 400, 'INVALID_ARCHIVE', 'checksum'],
    ['half an archive', tarMember({ content: 'x' }), 400, 'INVALID_ARCHIVE', 'too early'],
    ['a way out', tarball({ name: 'ok' }, { name: '../out' }), 400, 'INVALID_ARCHIVE', '"../out"'],
    ['a link out', tarball({ name: 'ok' }, tarSymlink('l', '/etc')), 400, 'INVALID_ARCHIVE', '"l"'],
    [
      'too long a header',
      tarball(paxHeader({ c: 'x'.repeat(2 ** 20) })),
      413,
      'BODY_TOO_LARGE',
      'extended header',
    ],
    [
      'too long a path',
      tarball({}, tarDirectory('d/'.repeat(49)), { name: `${'x/'.repeat(49)}f` }),
      400,
      'NAME_TOO_LONG',
      '',
    ],
  ])('%s', async (_what, bytes, status, code, message) => {
    await using execd = await startExecd();
    await using directory = await temporaryDirectory();
    // The last one does not fit behind this.
    const target = join(
      directory.path,
      'n'.repeat(200),
      ...(code === 'NAME_TOO_LONG' ? longPath(directory.path) : []),
    );
    const answer = await upload(execd, archivePath(target), bytes);
    expect(answer).toEqual({ status, body: { code, message: expect.stringContaining(message) as string } });
    expect(readdirSync(directory.path)).toEqual([]);
  });

  /** With 201 bytes and what is in front of them 4,050 bytes. */
  function longPath(base: string): string[] {
    const missing = 4_050 - base.length - 201;
    return Array.from({ length: Math.floor(missing / 100) }, () => 'm'.repeat(99));
  }

  test.each([false, true])(
    'the connection can be used again after a refusal in the middle of a body, packed: %j',
    async (isPacked) => {
      await using execd = await startExecd();
      await using directory = await temporaryDirectory();
      const socket = connect(Number(new URL(execd.url).port), '127.0.0.1');
      const archive = Buffer.concat([tarball({ name: '/bad' }), randomBytes(3_000_000)]);
      const body = isPacked ? gzipSync(archive) : archive;
      const path = archivePath(directory.path);
      socket.write(`PUT ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n`);
      socket.write(body);
      socket.write('GET /ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
      let text = '';
      for await (const chunk of socket) text += String(chunk);
      expect(text.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 400', 'HTTP/1.1 200']);
    },
  );

  test('a full disk: 507, and all is taken back', async ({ skip }) => {
    await using execd = await startExecd();
    await using directory = await temporaryDirectory();
    await using mount = await mountTmpfs(directory.path, '2m');
    if (!mount) return skip('the machine refuses mounts');
    const content = Buffer.alloc(1_500_000);
    const bytes = tarball(tarDirectory('d'), { name: 'd/a', content }, { name: 'd/b', content });
    expect(await upload(execd, archivePath(join(mount.path, 'new')), bytes)).toMatchObject({
      status: 507,
      body: { code: 'DISK_FULL' },
    });
    expect(readdirSync(mount.path)).toEqual([]);
  });

  test('a files root is not left, neither for reading nor for writing', async () => {
    await using directory = await temporaryDirectory();
    await writeTree(directory.path, {
      'root/file': 'x',
      'root/out': { link: '../outside' },
      'outside/secret': 'x',
    });
    await using execd = await startExecd(['--files-root', join(directory.path, 'root')]);
    for (const path of [join(directory.path, 'outside'), 'out', '../outside', '/']) {
      const got = await execd.request('GET', archivePath(path));
      const put = await upload(execd, archivePath(path), tarball({}));
      expect([path, got.status, put.status, put.body['code']]).toEqual([
        path,
        403,
        403,
        'OUTSIDE_FILES_ROOT',
      ]);
      await got.body?.cancel();
    }
    expect((await upload(execd, archivePath('in'), tarball({}))).status).toBe(200);
    expect(readdirSync(join(directory.path, 'outside'))).toEqual(['secret']);
  });
});

describe('a client that leaves', () => {
  test.each([
    [
      'in the middle of a file',
      Buffer.concat([
        tarball({ name: 'a' }).subarray(0, 512),
        tarMember({ name: 'd/b', content: Buffer.alloc(300_000) }).subarray(0, 200_000),
      ]),
    ],
    ['between two entries', tarMember({ name: 'd/b', content: 'x' })],
    ['before the end', tarball({ name: 'd/b' }).subarray(0, -512)],
    ['before the first byte', Buffer.alloc(0)],
  ])('%s of an upload leaves nothing behind', async (_when, bytes) => {
    await using execd = await startExecd();
    await using directory = await temporaryDirectory();
    writeFileSync(join(directory.path, 'a'), 'old');
    const socket = connect(Number(new URL(execd.url).port), '127.0.0.1');
    const path = archivePath(directory.path);
    socket.write(`PUT ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: ${bytes.length + 4_096}\r\n\r\n`);
    socket.write(bytes);
    if (bytes.includes('d/b') && bytes.length !== 1024)
      await until(() => readdirSync(directory.path).includes('d'));
    socket.destroy();
    await until(() => readdirSync(directory.path).join() === 'a');
    expect(readFileSync(join(directory.path, 'a'), 'utf8')).toBe('old');
  });

  test.each(['tar', 'tar.gz'])('in the middle of a download of a %s ends the reading', async (format) => {
    await using execd = await startExecd();
    await using directory = await temporaryDirectory();
    mkdirSync(join(directory.path, 'd'));
    // More than all buffers on the way take, also when it is packed.
    const noise = randomBytes(20_000_000);
    for (const name of ['a', 'b', 'd/c']) writeFileSync(join(directory.path, name), noise);
    const outgoing = request(execd.url + archivePath(directory.path, { format }), { agent: false }).end();
    const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage];
    await once(incoming, 'readable');
    incoming.destroy();
    await until(() => !openFiles().some((file) => file.startsWith(directory.path)));
    expect((await execd.request('GET', '/ping')).status).toBe(200);
  });
});

function openFiles(): string[] {
  return readdirSync('/proc/self/fd').flatMap((descriptor) => {
    try {
      return [readlinkSync(`/proc/self/fd/${descriptor}`)];
    } catch {
      // The descriptor of this very listing.
      return [];
    }
  });
}
