import { symlinkSync } from 'node:fs';
import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { FilePaths } from '../../src/filesystem/file-paths.ts';
import { searchRoutes } from '../../src/search/routes.ts';
import { startExecd } from '../support/execd.ts';
import type { Execd } from '../support/execd.ts';
import { serveRoutes } from '../support/http-server.ts';
import { startListening } from '../support/execd-process.ts';
import { getAndStall, getWhole } from '../support/raw-http.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

interface Found {
  path: string;
  type: string;
  size: number;
}

/** Makes files, each with its own path as content; a name with a slash at its end is a directory. */
async function plant(root: string, names: readonly string[]): Promise<void> {
  for (const name of names) {
    const path = join(root, name);
    await mkdir(name.endsWith('/') ? path : join(path, '..'), { recursive: true });
    if (!name.endsWith('/')) await writeFile(path, name);
  }
}

function query(path: string, more: Record<string, string>): string {
  return `/files/search?${new URLSearchParams({ path, ...more }).toString()}`;
}

async function search(
  execd: Pick<Execd, 'url'>,
  root: string,
  more: Record<string, string> = {},
): Promise<{ names: string[]; found: Found[]; headers: Record<string, unknown> }> {
  const { status, body, headers } = await getWhole(execd.url + query(root, more));
  if (status !== 200) throw new Error(`status ${status}: ${body}`);
  const found = JSON.parse(body) as Found[];
  return { names: found.map(({ path }) => path.slice(root.length + 1)), found, headers };
}

test.each([
  { pattern: 'src/*.ts', names: ['src/a.ts'] },
  { pattern: 'src/**', names: ['src/a.ts', 'src/deep/er/b.ts', 'src/deep/er/c.js'] },
  { pattern: '**/er/*.ts', names: ['src/deep/er/b.ts'] },
  { pattern: '*/a.ts', names: ['lib/a.ts', 'src/a.ts'] },
  { pattern: './a.ts', names: ['a.ts'] },
  { pattern: '{src,lib}/a.ts', names: ['lib/a.ts', 'src/a.ts'] },
  { pattern: 'a.ts', names: ['a.ts', 'lib/a.ts', 'src/a.ts'] },
  { pattern: 'src', names: [] },
])('the pattern $pattern may match the path below the root', async ({ pattern, names }) => {
  await using directory = await temporaryDirectory();
  await plant(directory.path, ['a.ts', 'lib/a.ts', 'src/a.ts', 'src/deep/er/b.ts', 'src/deep/er/c.js']);
  await using execd = await startExecd();
  expect((await search(execd, directory.path, { pattern })).names).toEqual(names);
});

test('hidden=false leaves out names with a dot in front and what is below them', async () => {
  await using directory = await temporaryDirectory();
  await plant(directory.path, ['.git/config', '.env', 'a', 'b/.c', 'b/d']);
  await using execd = await startExecd();
  expect((await search(execd, directory.path, { hidden: 'false' })).names).toEqual(['a', 'b/d']);
  expect((await search(execd, directory.path)).names).toHaveLength(5);
});

test('limit ends the search, and a header tells whether it left something out', async () => {
  await using directory = await temporaryDirectory();
  await plant(directory.path, ['a', 'b/c', 'b/d', 'e']);
  await using execd = await startExecd();
  const cut = await search(execd, directory.path, { limit: '2' });
  expect(cut.names).toEqual(['a', 'b/c']);
  expect(cut.headers).toMatchObject({ 'execd-files-truncated': 'true', 'execd-files-skipped': '0' });
  const exact = await search(execd, directory.path, { limit: '4' });
  expect(exact.names).toHaveLength(4);
  expect(exact.headers).not.toHaveProperty('execd-files-truncated');
});

test.each(['limit=0', 'limit=x', 'limit=1.5', 'follow=yes', 'hidden=1'])(
  '%s is a bad query',
  async (more) => {
    await using execd = await startExecd();
    const response = await execd.request('GET', `/files/search?path=/tmp&${more}`);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ code: 'INVALID_REQUEST_BODY' });
  },
);

test('follow=true reports targets in place of links, enters directories, and is stopped by loops', async () => {
  await using directory = await temporaryDirectory();
  const root = join(directory.path, 'root');
  await plant(directory.path, ['root/a/file', 'elsewhere/x', 'elsewhere/deep/y', 'long-content']);
  await symlink('../..', join(root, 'a', 'up'));
  await symlink('../elsewhere', join(root, 'b'));
  await symlink('nowhere', join(root, 'dangling'));
  await symlink('../long-content', join(root, 'z'));
  await using execd = await startExecd();
  const { found, names } = await search(execd, root, { follow: 'true' });
  expect(names).toEqual([
    'a/file',
    'a/up/elsewhere/deep/y',
    'a/up/elsewhere/x',
    'a/up/long-content',
    'b/deep/y',
    'b/x',
    'dangling',
    'z',
  ]);
  expect(found.at(-1)).toMatchObject({ type: 'file', size: 'long-content'.length });
  expect(found.at(-2)).toMatchObject({ type: 'symlink', size: 'nowhere'.length });
});

test('follow=true follows a root that is a link; without it only the link is considered', async () => {
  await using directory = await temporaryDirectory();
  await plant(directory.path, ['target/a', 'target/b']);
  const link = join(directory.path, 'link');
  await symlink('target', link);
  await using execd = await startExecd();
  expect((await search(execd, link, { follow: 'true' })).names).toEqual(['a', 'b']);
  expect((await search(execd, link)).found).toMatchObject([{ path: link, type: 'symlink' }]);
});

test('with a files root only targets inside of it are followed', async () => {
  await using directory = await temporaryDirectory();
  await plant(directory.path, ['root/in/a', 'root/data/b', 'outside/secret']);
  const root = join(directory.path, 'root');
  await symlink('../../outside', join(root, 'in', 'leak'));
  await symlink('../data', join(root, 'in', 'data'));
  await symlink('../outside/secret', join(root, 'leak'));
  await using server = await serveRoutes(searchRoutes({ paths: new FilePaths({}, root) }));
  const { names } = await search(server, root, { follow: 'true' });
  expect(names).toEqual(['data/b', 'in/a', 'in/data/b', 'in/leak', 'leak']);
  const linked = await search(server, join(root, 'leak'), { follow: 'true' });
  expect(linked.found).toMatchObject([{ type: 'symlink' }]);
  const outside = await getWhole(server.url + query(directory.path, {}));
  expect([outside.status, JSON.parse(outside.body)]).toEqual([
    403,
    expect.objectContaining({ code: 'OUTSIDE_FILES_ROOT' }),
  ]);
});

/** Runs as nobody for a while: to root nothing is unreadable. */
async function asNobody<T>(work: () => Promise<T>): Promise<T> {
  process.seteuid?.(65_534);
  try {
    return await work();
  } finally {
    process.seteuid?.(0);
  }
}

test('directories that cannot be read are skipped and counted, and a root that cannot be is 403', async ({
  skip,
}) => {
  skip(process.getuid?.() !== 0, 'only root can become somebody else');
  await using directory = await temporaryDirectory();
  await plant(directory.path, ['a', 'locked/b', 'listed/c', 'z']);
  await chmod(directory.path, 0o755);
  await chmod(join(directory.path, 'locked'), 0o700);
  // Its names can be read, but nothing about them.
  await chmod(join(directory.path, 'listed'), 0o744);
  await using execd = await startExecd();
  const all = await search(execd, directory.path);
  expect(all.headers).toMatchObject({ 'execd-files-skipped': '0' });
  const some = await asNobody(() => search(execd, directory.path));
  expect(some.names).toEqual(['a', 'z']);
  expect(some.headers).toMatchObject({ 'execd-files-skipped': '2' });
  const none = await asNobody(() => getWhole(execd.url + query(join(directory.path, 'locked'), {})));
  expect([none.status, JSON.parse(none.body)]).toEqual([
    403,
    expect.objectContaining({ code: 'PERMISSION_DENIED' }),
  ]);
});

test('a file whose name is no UTF-8 is found, in a directory whose name is none too', async () => {
  await using directory = await temporaryDirectory();
  await plant(directory.path, ['a']);
  const odd = Buffer.concat([Buffer.from(`${directory.path}/f`), Buffer.from([0xff])]);
  await mkdir(odd);
  await writeFile(Buffer.concat([odd, Buffer.from('/'), Buffer.from([0xfe])]), '');
  await using execd = await startExecd();
  const { names, headers } = await search(execd, directory.path);
  expect(names).toEqual(['a', 'f\uFFFD/\uFFFD']);
  expect(headers).toMatchObject({ 'execd-files-skipped': '0' });
});

/** A tree whose infos are more than 20 MB of JSON. Long paths make that quick. */
async function plantLarge(root: string): Promise<number> {
  const deep = join(root, ...Array.from({ length: 12 }, (_part, index) => `${index}`.padEnd(240, 'x')));
  await mkdir(deep, { recursive: true });
  const names = Array.from({ length: 6_500 }, (_name, index) => `${index}`.padEnd(240, 'y'));
  for (const name of names) symlinkSync('x', join(deep, name));
  return names.length;
}

test('an answer above 16 MiB is complete, and its trailer tells what was skipped', async () => {
  await using directory = await temporaryDirectory();
  const count = await plantLarge(directory.path);
  await chmod(directory.path, 0o755);
  await mkdir(join(directory.path, 'z'), { mode: 0o700 });
  await using execd = await startExecd();
  // To root nothing is unreadable.
  const { body, headers, trailers } = await getWhole(execd.url + query(directory.path, { uid: '65534' }));
  const paths = (JSON.parse(body) as Found[]).map(({ path }) => path);
  expect(new Set(paths).size).toBe(count);
  expect(paths).toEqual([...paths].sort());
  expect(headers).toMatchObject({ 'execd-files-skipped': '0' });
  expect(trailers).toEqual({ 'execd-files-skipped': '1' });
});

test('a client that does not read a long answer leaves the server free for others', async () => {
  await using directory = await temporaryDirectory();
  await plantLarge(directory.path);
  await using execd = await startListening();
  const stalled = await getAndStall(execd.url + query(directory.path, {}));
  const { names } = await search(execd, directory.path, { limit: '3' });
  expect(names).toHaveLength(3);
  stalled.destroy();
  const line = await execd.logged(({ url, aborted }) => aborted === true && String(url).includes('search'));
  expect(line).toMatchObject({ status: 200 });
});
