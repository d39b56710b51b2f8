import { chmodSync, chownSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { FilePaths } from '../../src/filesystem/file-paths.ts';
import { watchEvent } from '../../src/watch/schema.ts';
import type { WatchEvent } from '../../src/watch/schema.ts';
import { watchRoutes } from '../../src/watch/routes.ts';
import { TreeWatches } from '../../src/watch/tree-watches.ts';
import { startExecd } from '../support/execd.ts';
import { serveRoutes } from '../support/http-server.ts';
import { getAndStall, readToEnd } from '../support/raw-http.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { until } from '../support/until.ts';
import { systemWatches } from '../support/watching.ts';

/** A watch as a client sees it. Disposing it leaves. */
interface Watch extends AsyncDisposable {
  readonly headers: Headers;
  readonly text: string;
  readonly events: readonly WatchEvent[];
  readonly ended: Promise<void>;
  seen(type: string, path: string): Promise<void>;
}

async function openWatch(url: string, query: string): Promise<Watch> {
  const leave = new AbortController();
  const response = await fetch(`${url}/files/watch?${query}`, {
    headers: { connection: 'close' },
    signal: leave.signal,
  });
  if (response.status !== 200 || !response.body) throw new Error(await response.text());
  const stream = response.body.pipeThrough(new TextDecoderStream());
  const received = { text: '', parsed: 0 };
  const events: WatchEvent[] = [];
  const read = async () => {
    try {
      for await (const part of stream) {
        received.text += part;
        const end = received.text.lastIndexOf('\n\n') + 2;
        events.push(...parseSse(received.text.slice(received.parsed, end)));
        received.parsed = end;
      }
    } catch (error) {
      if (!leave.signal.aborted) throw error;
    }
  };
  const ended = read();
  await until(() => events.length > 0);
  return {
    headers: response.headers,
    get text() {
      return received.text;
    },
    events,
    ended,
    seen: (type, path) => until(() => events.some((event) => event.type === type && event.path === path)),
    async [Symbol.asyncDispose]() {
      leave.abort();
      await ended;
    },
  };
}

/** The events of complete frames, each of which has to fit its schema. */
function parseSse(text: string): WatchEvent[] {
  return text
    .split('\n\n')
    .slice(0, -1)
    .filter((frame) => !frame.startsWith(':'))
    .map((frame) => {
      expect(frame).toMatch(/^data: [^\r\n]*$/);
      return watchEvent.parse(JSON.parse(frame.slice('data: '.length)));
    });
}

const query = (path: string, more = '') => `path=${encodeURIComponent(path)}${more}`;

test('events come as server-sent events, ready first', async () => {
  await using directory = await temporaryDirectory();
  await using execd = await startExecd();
  mkdirSync(join(directory.path, 'a'));
  await using watch = await openWatch(execd.url, query(directory.path, '&recursive=true'));
  expect(watch.headers.get('content-type')).toBe('text/event-stream');
  expect(watch.headers.get('cache-control')).toBe('no-cache');
  const file = join(directory.path, 'a/line\nbreak \u2028 é');
  writeFileSync(file, '');
  await watch.seen('create', file);
  const [ready, create] = watch.events;
  expect(ready).toEqual({
    type: 'ready',
    path: directory.path,
    kind: 'directory',
    entries: 1,
    directories: 2,
    skipped: 0,
    compact: false,
    timestamp: expect.any(Number) as number,
  });
  expect(create).toEqual({
    type: 'create',
    path: file,
    kind: 'file',
    timestamp: expect.any(Number) as number,
  });
  expect(watch.text).not.toContain('\u2028');
});

test('one directory is watched, and with an empty ignore nothing is left out', async () => {
  await using directory = await temporaryDirectory();
  await using execd = await startExecd();
  mkdirSync(join(directory.path, 'a'));
  await using watch = await openWatch(execd.url, query(directory.path, '&ignore=&ignore=*.tmp'));
  for (const name of ['a/inside', 'x.tmp', '.git', 'last']) writeFileSync(join(directory.path, name), '');
  await watch.seen('create', join(directory.path, 'last'));
  expect(watch.events.slice(1).map(({ path }) => path)).toEqual([
    join(directory.path, '.git'),
    join(directory.path, 'last'),
  ]);
});

test.each([
  ['', 400, { code: 'MISSING_QUERY', message: "missing query parameter 'path'" }],
  ['path=', 400, { code: 'MISSING_QUERY', message: "missing query parameter 'path'" }],
  ['path=/no/such/place', 404, { code: 'FILE_NOT_FOUND' }],
  ['path=/tmp&recursive=yes', 400, { code: 'INVALID_REQUEST_BODY' }],
  ['path=/tmp&ignore=%5Ba', 400, { code: 'INVALID_REQUEST_BODY' }],
  [`path=/tmp${'&ignore=a'.repeat(65)}`, 400, { code: 'INVALID_REQUEST_BODY' }],
])('?%s is answered with %i', async (bad, status, body) => {
  await using execd = await startExecd();
  const response = await execd.request('GET', `/files/watch?${bad}`);
  expect([response.status, await response.json()]).toEqual([status, expect.objectContaining(body)]);
});

test('too many directories are a 413 that says how to lift the limit', async () => {
  await using directory = await temporaryDirectory();
  await using trees = new TreeWatches({ directories: 2 });
  await using server = await serveRoutes(watchRoutes({ paths: new FilePaths({}), trees }));
  mkdirSync(join(directory.path, 'a/b'), { recursive: true });
  const response = await fetch(`${server.url}/files/watch?${query(directory.path, '&recursive=true')}`);
  expect([response.status, await response.json()]).toEqual([
    413,
    {
      code: 'WATCH_LIMIT',
      message:
        'cannot watch more than 2 directories at once, all watches together: raise --watch-directories',
    },
  ]);
});

test('a client that leaves takes its watches along', async () => {
  await using directory = await temporaryDirectory();
  await using execd = await startExecd();
  mkdirSync(join(directory.path, 'a/b'), { recursive: true });
  const watch = await openWatch(execd.url, query(directory.path, '&recursive=true'));
  expect(systemWatches()).toBe(3);
  await watch[Symbol.asyncDispose]();
  await until(() => systemWatches() === 0);
});

test('the stream ends when what is watched is gone', async () => {
  await using directory = await temporaryDirectory();
  await using execd = await startExecd();
  const root = join(directory.path, 'root');
  mkdirSync(root);
  await using watch = await openWatch(execd.url, query(root));
  rmSync(root, { recursive: true });
  await watch.ended;
  expect(watch.events.at(-1)).toMatchObject({ type: 'delete', path: root, kind: 'directory' });
});

test('shutdown ends the streams', async () => {
  await using directory = await temporaryDirectory();
  const execd = await startExecd();
  await using watch = await openWatch(execd.url, query(directory.path));
  await execd[Symbol.asyncDispose]();
  await watch.ended;
  expect(systemWatches()).toBe(0);
});

test('a client that does not read is told that it missed something, and no other', async () => {
  await using directory = await temporaryDirectory();
  await using execd = await startExecd();
  // Long paths fill what fits into the sockets between the two.
  const root = join(directory.path, ...Array.from({ length: 10 }, () => 'x'.repeat(200)));
  mkdirSync(root, { recursive: true });
  const socket = await getAndStall(`${execd.url}/files/watch?${query(root)}`);
  await until(() => systemWatches() === 1);
  await using watch = await openWatch(execd.url, query(root));
  for (let count = 0; count < 8_000;) {
    for (const end = count + 200; count < end; count += 1) writeFileSync(join(root, String(count)), '');
    const seen = count;
    await until(() => watch.events.length > seen);
  }
  expect(watch.events.every(({ type }) => type === 'ready' || type === 'create')).toBe(true);
  rmSync(root, { recursive: true });
  await watch.ended;
  const body = await readToEnd(socket);
  expect(body.match(/"reason":"slow-client"/g)).toHaveLength(1);
});

test('a watch as another user shows what that user may see', async () => {
  await using directory = await temporaryDirectory();
  await using execd = await startExecd();
  const theirs = join(directory.path, 'theirs');
  const mine = join(directory.path, 'mine');
  chmodSync(directory.path, 0o755);
  for (const path of [theirs, mine, join(theirs, 'secret')]) mkdirSync(path, { mode: 0o700 });
  chownSync(theirs, 12_345, 12_345);
  const refused = await execd.request('GET', `/files/watch?${query(mine)}&uid=12345&gid=12345`);
  expect([refused.status, await refused.json()]).toEqual([
    403,
    expect.objectContaining({ code: 'PERMISSION_DENIED' }),
  ]);
  await using watch = await openWatch(execd.url, query(theirs, '&recursive=true&uid=12345&gid=12345'));
  expect(watch.events[0]).toMatchObject({ directories: 1, skipped: 1 });
  writeFileSync(join(theirs, 'file'), '');
  await watch.seen('create', join(theirs, 'file'));
});
