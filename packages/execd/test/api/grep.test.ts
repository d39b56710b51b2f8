import { execFileSync } from 'node:child_process';
import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { FilePaths } from '../../src/filesystem/file-paths.ts';
import { searchRoutes } from '../../src/search/routes.ts';
import { startExecd } from '../support/execd.ts';
import type { Execd } from '../support/execd.ts';
import { startListening } from '../support/execd-process.ts';
import { serveRoutes } from '../support/http-server.ts';
import { getAndStall, getWhole, readToEnd } from '../support/raw-http.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

type Query = Record<string, string | readonly string[]>;

interface Line {
  path?: string;
  line?: number;
  column?: number;
  text?: string;
  summary?: Record<string, unknown>;
  error?: Record<string, unknown>;
}

async function plant(root: string, files: Record<string, string>): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(root, name)), { recursive: true });
    await writeFile(join(root, name), content);
  }
}

function grepPath(query: Query): string {
  const pairs = Object.entries(query).flatMap(([key, value]) => [value].flat().map((one) => [key, one]));
  return `/files/grep?${new URLSearchParams(pairs as [string, string][]).toString()}`;
}

/** The matches as `path:line:column:text`, the path below the root, and the last line. */
async function grep(execd: Pick<Execd, 'url'>, query: Query & { path: string }) {
  const { status, body, headers } = await getWhole(execd.url + grepPath(query));
  if (status !== 200) throw new Error(`status ${status}: ${body}`);
  const lines = body.split('\n').slice(0, -1);
  const parsed = lines.map((line) => JSON.parse(line) as Line);
  const last = parsed.pop() ?? {};
  const matches = parsed.map(
    ({ path, line, column, text }) => `${path?.slice(query.path.length + 1)}:${line}:${column}:${text}`,
  );
  return { matches, last, headers };
}

const TREE = {
  '.env': 'SECRET=needle\n',
  '.git/config': 'needle\n',
  'a.ts': 'one\n  a Needle\nthe needle, a needle\r\n',
  'lib/b.ts': 'äöü needle',
  'lib/c.md': 'a (needle)\n',
  'lib/gen/d.ts': 'needle\n',
  'z.bin': 'needle\0',
};

test.each<{ title: string; query: Query; matches: string[] }>([
  {
    title: 'a regular expression',
    query: { pattern: 'n[e]+dle$' },
    matches: [
      '.env:1:8:SECRET=needle',
      'a.ts:3:15:the needle, a needle',
      'lib/b.ts:1:5:äöü needle',
      'lib/gen/d.ts:1:1:needle',
    ],
  },
  {
    title: 'plain text',
    query: { pattern: '(needle)', fixed: 'true' },
    matches: ['lib/c.md:1:3:a (needle)'],
  },
  {
    title: 'any case',
    query: { pattern: 'A NEEDLE', ignore_case: 'true' },
    matches: ['a.ts:2:3:  a Needle', 'a.ts:3:13:the needle, a needle'],
  },
  {
    title: 'a glob for names',
    query: { pattern: 'needle', glob: '*.md' },
    matches: ['lib/c.md:1:4:a (needle)'],
  },
  {
    title: 'globs for names and paths',
    query: { pattern: 'needle', glob: ['lib/*.ts', '*.md'] },
    matches: ['lib/b.ts:1:5:äöü needle', 'lib/c.md:1:4:a (needle)'],
  },
  {
    title: 'excludes in place of .git',
    query: { pattern: '^needle', exclude: ['gen', '.env'] },
    matches: ['.git/config:1:1:needle'],
  },
  {
    title: 'an empty exclude',
    query: { pattern: '^needle', exclude: '' },
    matches: ['.git/config:1:1:needle', 'lib/gen/d.ts:1:1:needle'],
  },
  {
    title: 'nothing hidden',
    query: { pattern: 'needle$', hidden: 'false', exclude: '' },
    matches: ['a.ts:3:15:the needle, a needle', 'lib/b.ts:1:5:äöü needle', 'lib/gen/d.ts:1:1:needle'],
  },
])('finds lines by $title', async ({ query, matches }) => {
  await using directory = await temporaryDirectory();
  await plant(directory.path, TREE);
  await using execd = await startExecd();
  const found = await grep(execd, { ...query, path: directory.path });
  expect(found.matches).toEqual(matches);
  expect(found.last.summary).toMatchObject({ matches: matches.length, skipped: 0, truncated: false });
  expect(found.headers['content-type']).toBe('application/x-ndjson; charset=utf-8');
});

test('the summary tells what was searched', async () => {
  await using directory = await temporaryDirectory();
  await plant(directory.path, TREE);
  await using execd = await startExecd();
  const { last, matches } = await grep(execd, { path: directory.path, pattern: 'needle', max: '2' });
  expect(matches).toHaveLength(2);
  expect(last.summary).toMatchObject({ matches: 2, truncated: true });
  const whole = await grep(execd, { path: directory.path, pattern: 'nowhere' });
  expect(whole.last).toEqual({
    summary: { files: 5, matches: 0, skipped: 0, binary: 1, long_lines: 0, truncated: false },
  });
  const few = await grep(execd, { path: directory.path, pattern: 'e', max_per_file: '1', glob: '*.ts' });
  expect(few.matches.map((match) => match.split(':', 2).join(':'))).toEqual([
    'a.ts:1',
    'lib/b.ts:1',
    'lib/gen/d.ts:1',
  ]);
});

test('a root may be a file, or a link to one', async () => {
  await using directory = await temporaryDirectory();
  await plant(directory.path, { file: '1\nneedle\n' });
  const link = join(directory.path, 'link');
  await symlink('file', link);
  await using execd = await startExecd();
  for (const path of [join(directory.path, 'file'), link]) {
    const { body } = await getWhole(execd.url + grepPath({ path, pattern: 'needle' }));
    expect(JSON.parse(body.split('\n')[0] ?? '')).toEqual({ path, line: 2, column: 1, text: 'needle' });
  }
});

test('follow=true follows links, with a files root only inside of it', async () => {
  await using directory = await temporaryDirectory();
  await plant(directory.path, { 'root/a': 'needle', 'root/d/b': 'needle', outside: 'needle' });
  const root = join(directory.path, 'root');
  await symlink('a', join(root, 'link'));
  await symlink('../outside', join(root, 'out'));
  await symlink('..', join(root, 'd', 'up'));
  const query = { path: root, pattern: 'needle' };
  await using server = await serveRoutes(searchRoutes({ paths: new FilePaths({}, root) }));
  const fenced = await grep(server, { ...query, follow: 'true' });
  expect(fenced.matches).toEqual(['a:1:1:needle', 'd/b:1:1:needle', 'link:1:1:needle']);
  await using execd = await startExecd();
  expect((await grep(execd, { ...query, follow: 'true' })).matches).toHaveLength(4);
  expect((await grep(execd, query)).matches).toEqual(['a:1:1:needle', 'd/b:1:1:needle']);
});

test('FIFOs, sockets and devices are not opened', async () => {
  await using directory = await temporaryDirectory();
  await plant(directory.path, { file: 'needle' });
  execFileSync('mkfifo', [join(directory.path, 'fifo')]);
  const server = createServer().listen(join(directory.path, 'socket'));
  await symlink('/dev/zero', join(directory.path, 'zero'));
  await symlink('fifo', join(directory.path, 'to-fifo'));
  await using execd = await startExecd();
  const { matches, last } = await grep(execd, { path: directory.path, pattern: 'needle', follow: 'true' });
  server.close();
  expect(matches).toEqual(['file:1:1:needle']);
  expect(last.summary).toMatchObject({ files: 1, skipped: 0 });
});

test('what cannot be read is counted', async ({ skip }) => {
  skip(process.getuid?.() !== 0, 'only root can become somebody else');
  await using directory = await temporaryDirectory();
  await plant(directory.path, { a: 'needle', 'locked/b': 'needle', secret: 'needle' });
  await chmod(directory.path, 0o755);
  await chmod(join(directory.path, 'locked'), 0o700);
  await chmod(join(directory.path, 'secret'), 0o600);
  await using execd = await startExecd();
  await execd.request('GET', '/ping');
  const query = { path: directory.path, pattern: 'needle' };
  expect((await grep(execd, query)).last.summary).toMatchObject({ files: 3, skipped: 0 });
  process.seteuid?.(65_534);
  const { matches, last } = await grep(execd, query).finally(() => process.seteuid?.(0));
  expect(matches).toEqual(['a:1:1:needle']);
  expect(last.summary).toMatchObject({ files: 1, matches: 1, skipped: 2 });
});

test('files below a path that is longer than the system takes are searched', async () => {
  await using directory = await temporaryDirectory();
  const name = 'd'.repeat(200);
  const enter = `mkdir ${name}; cd -P ./${name}`;
  const script = `cd "$0"; i=0; while [ $i -lt 40 ]; do echo needle > $i; ${enter}; i=$((i+1)); done`;
  execFileSync('sh', ['-c', script, directory.path], { stdio: 'ignore' });
  // Node's own removal does not go as deep.
  using _removal = { [Symbol.dispose]: () => void execFileSync('rm', ['-r', join(directory.path, name)]) };
  await using execd = await startExecd();
  const { matches, last } = await grep(execd, { path: directory.path, pattern: 'needle' });
  expect(matches).toEqual(
    Array.from({ length: 40 }, (_file, depth) => `${`${name}/`.repeat(depth)}${depth}:1:1:needle`),
  );
  expect(last.summary).toMatchObject({ files: 40, skipped: 0 });
});

test.each<[number, string, string, Query]>([
  [400, 'MISSING_QUERY', "missing query parameter 'path'", { pattern: 'x' }],
  [400, 'MISSING_QUERY', "missing query parameter 'path'", { path: '', pattern: 'x' }],
  [400, 'MISSING_QUERY', "missing query parameter 'pattern'", { path: '/tmp' }],
  [404, 'FILE_NOT_FOUND', '/nowhere/at/all', { path: '/nowhere/at/all', pattern: 'x' }],
  [400, 'INVALID_REQUEST_BODY', 'neither a file nor a directory', { path: '/dev/null', pattern: 'x' }],
  [400, 'INVALID_REQUEST_BODY', 'Unterminated group', { path: '/tmp', pattern: '(' }],
  [400, 'INVALID_REQUEST_BODY', "'pattern'", { path: '/tmp', pattern: 'x'.repeat(8193) }],
  [400, 'INVALID_REQUEST_BODY', 'invalid glob [', { path: '/tmp', pattern: 'x', glob: '[' }],
  [400, 'INVALID_REQUEST_BODY', 'invalid glob [a', { path: '/tmp', pattern: 'x', exclude: ['ok', '[a'] }],
  [400, 'INVALID_REQUEST_BODY', "'max'", { path: '/tmp', pattern: 'x', max: '100001' }],
  [400, 'INVALID_REQUEST_BODY', "'max'", { path: '/tmp', pattern: 'x', max: '0' }],
])('a bad request is refused with %i %s: %s', async (status, code, message, query) => {
  await using execd = await startExecd();
  const answer = await getWhole(execd.url + grepPath(query));
  expect(answer.status).toBe(status);
  expect(JSON.parse(answer.body)).toEqual({ code, message: expect.stringContaining(message) as string });
});

test('a pattern that backtracks for ever ends its answer with an error, and nobody waits for it', async () => {
  await using directory = await temporaryDirectory();
  await plant(directory.path, { a: 'aab\n', b: `${'a'.repeat(80)}b\n`, c: 'aa' });
  await using execd = await startExecd();
  const slow = grep(execd, { path: directory.path, pattern: '^(a+)+c?$' });
  expect((await execd.request('GET', '/ping')).status).toBe(200);
  const quick = await grep(execd, { path: directory.path, pattern: 'b' });
  expect(quick.last.summary).toMatchObject({ files: 3, matches: 2 });
  const { last } = await slow;
  expect(last).toEqual({ error: { code: 'PATTERN_TOO_SLOW', message: expect.any(String) as string } });
});

test('a client that leaves ends its search, and lets the next one begin', async () => {
  await using directory = await temporaryDirectory();
  await plant(directory.path, { a: `${'a'.repeat(80)}b\n` });
  await using execd = await startListening();
  const hopeless = grepPath({ path: directory.path, pattern: '(a+)+$' });
  const busy = [await getAndStall(execd.url + hopeless), await getAndStall(execd.url + hopeless)];
  const next = grep(execd, { path: directory.path, pattern: 'b' });
  for (const socket of busy) socket.destroy();
  expect((await next).last.summary).toMatchObject({ matches: 1 });
});

/** Some 60 MB of matches, which no socket takes without a reader. */
async function plantMatches(root: string): Promise<void> {
  const line = `${'x'.repeat(600)}\n`;
  for (let file = 0; file < 10; file += 1) await writeFile(join(root, `${file}`), line.repeat(10_000));
}

test('clients that do not read hold up nobody else, and get every line once they read', async () => {
  await using directory = await temporaryDirectory();
  await plantMatches(directory.path);
  await using execd = await startExecd();
  const query = { path: directory.path, pattern: 'x', max: '100000' };
  const stalled = await Promise.all([1, 2, 3].map(() => getAndStall(execd.url + grepPath(query))));
  const { last } = await grep(execd, { ...query, max: '5' });
  expect(last.summary).toMatchObject({ matches: 5, truncated: true });
  const [first, ...others] = stalled;
  for (const socket of others) socket.destroy();
  const answer = first ? await readToEnd(first) : '';
  const numbers = [...answer.matchAll(/"line":(\d+),/g)].map(([, line]) => Number(line));
  expect(numbers).toEqual(Array.from({ length: 100_000 }, (_line, index) => (index % 10_000) + 1));
  expect(answer).toContain('{"summary":{"files":10,"matches":100000,');
});

test('more searches than may wait are refused with 503', async () => {
  await using directory = await temporaryDirectory();
  await plantMatches(directory.path);
  await using execd = await startExecd();
  await execd.request('GET', '/ping');
  const path = grepPath({ path: directory.path, pattern: 'x', max: '100000' });
  const waiting = await Promise.all(Array.from({ length: 18 }, () => getAndStall(execd.url + path)));
  let refused = await getWhole(execd.url + grepPath({ path: directory.path, pattern: 'x', max: '1' }));
  // The others may not have arrived yet.
  while (refused.status !== 503)
    refused = await getWhole(execd.url + grepPath({ path: directory.path, pattern: 'x', max: '1' }));
  expect(JSON.parse(refused.body)).toMatchObject({ code: 'SERVICE_UNAVAILABLE' });
  for (const socket of waiting) socket.destroy();
});

test('the build finds the program of its threads', async () => {
  await using directory = await temporaryDirectory();
  await plant(directory.path, TREE);
  await using execd = await startListening();
  const { matches } = await grep(execd, { path: directory.path, pattern: 'needle,' });
  expect(matches).toEqual(['a.ts:3:5:the needle, a needle']);
});
