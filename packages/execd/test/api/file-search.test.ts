import { chmod } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { startExecd } from '../support/execd.ts';
import { answerOf, entriesOf, failureOf, infoOf, pathsBelow, withPaths } from '../support/file-calls.ts';
import { openToAll, writeTree } from '../support/file-tree.ts';
import { namedPipe, unixSocket } from '../support/special-files.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const isRoot = process.getuid?.() === 0;

const search = (path: string, pattern: string) => withPaths('/files/search', path, { pattern });

test.each([
  ['/files/search'],
  ['/files/search?path='],
  ['/files/search?pattern=*'],
  ['/files/search?path=&pattern=*'],
])('contract §7.5: %s is 400', async (path) => {
  await using execd = await startExecd();
  expect(await failureOf(await execd.request('GET', path))).toEqual({
    status: 400,
    code: 'MISSING_QUERY',
    message: "missing query parameter 'path'",
  });
});

test('contract §7.5: a missing root is 404', async () => {
  await using directory = await temporaryDirectory();
  await using execd = await startExecd();
  const failure = await failureOf(await execd.request('GET', search(`${directory.path}/missing`, '*')));
  expect([failure.status, failure.code]).toEqual([404, 'FILE_NOT_FOUND']);
});

test.each([['**'], ['*'], [''], [undefined]])(
  'contract §7.5: pattern %s gives every file, also hidden ones, and no directory',
  async (pattern) => {
    await using directory = await temporaryDirectory();
    await writeTree(directory.path, {
      '.git/config': '',
      '.hidden': '',
      'a.txt': '',
      empty: null,
      'node_modules/x/y.js': '',
    });
    await using execd = await startExecd();
    const response = await execd.request(
      'GET',
      withPaths('/files/search', directory.path, pattern === undefined ? {} : { pattern }),
    );
    expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8');
    expect(await pathsBelow(directory.path, response)).toEqual([
      '.git/config',
      '.hidden',
      'a.txt',
      'node_modules/x/y.js',
    ]);
  },
);

test('contract §7.5: depth first, in byte order of the names in each directory', async () => {
  await using directory = await temporaryDirectory();
  const inOrder = ['B', 'a/1', 'a/z/2', 'a.txt', 'a0', 'b', '～', '😀'];
  await writeTree(directory.path, Object.fromEntries([...inOrder].reverse().map((name) => [name, ''])));
  await using execd = await startExecd();
  const response = await execd.request('GET', search(directory.path, '*'));
  expect(await pathsBelow(directory.path, response)).toEqual(inOrder);
});

test('contract §7.5: an entry is the same as that of /files/info', async () => {
  await using directory = await temporaryDirectory();
  await writeTree(directory.path, { 'sub/a.txt': 'hello' });
  await using execd = await startExecd();
  const [entry] = await entriesOf(await execd.request('GET', search(`${directory.path}/./sub/`, '*')));
  expect(entry).toEqual(await infoOf(execd, `${directory.path}/sub/a.txt`));
});

test('contract §7.5: nothing found is an empty array, and nothing was skipped', async () => {
  await using directory = await temporaryDirectory();
  await writeTree(directory.path, { 'a.txt': '' });
  await using execd = await startExecd();
  const response = await execd.request('GET', search(directory.path, '*.md'));
  expect(response.headers.get('execd-files-skipped')).toBe('0');
  expect(await answerOf(response)).toEqual([200, '[]']);
});

test('contract §7.5: symbolic links are reported as such and never followed', async () => {
  await using directory = await temporaryDirectory();
  await writeTree(directory.path, {
    'outside/secret.txt': '',
    'root/dangling': { link: 'nowhere' },
    'root/file': '',
    'root/to-directory': { link: '../outside' },
    'root/to-file': { link: 'file' },
    'root/to-itself': { link: '.' },
  });
  await using execd = await startExecd();
  const root = `${directory.path}/root`;
  const entries = await entriesOf(await execd.request('GET', search(root, '*')));
  expect(entries.map(({ path, type }) => [path.slice(root.length + 1), type])).toEqual([
    ['dangling', 'symlink'],
    ['file', 'file'],
    ['to-directory', 'symlink'],
    ['to-file', 'symlink'],
    ['to-itself', 'symlink'],
  ]);
});

test.each([
  ['to-directory', 'to-*', ['to-directory']],
  ['to-directory', 'secret*', []],
  ['file.txt', '*.txt', ['file.txt']],
  ['file.txt', '*.md', []],
  ['dangling', '*', ['dangling']],
])(
  'contract §7.5: root %s, which is no directory, is matched by its own name: %s',
  async (name, pattern, found) => {
    await using directory = await temporaryDirectory();
    await writeTree(directory.path, {
      'file.txt': '',
      'outside/secret.txt': '',
      'to-directory': { link: 'outside' },
      dangling: { link: 'nowhere' },
    });
    await using execd = await startExecd();
    const response = await execd.request('GET', search(`${directory.path}/${name}`, pattern));
    expect(await pathsBelow(directory.path, response)).toEqual(found);
  },
);

test('contract §7.5: what is no directory is a result: named pipes and sockets too', async () => {
  await using directory = await temporaryDirectory();
  await using _pipe = await namedPipe(`${directory.path}/pipe`);
  await using _socket = await unixSocket(`${directory.path}/socket`);
  await using execd = await startExecd();
  const entries = await entriesOf(await execd.request('GET', search(directory.path, '*')));
  expect(entries.map(({ type }) => type)).toEqual(['other', 'other']);
});

const NAMES = [
  '!x',
  '*star',
  '.dot.ts',
  'A.ts',
  'a',
  'a.ts',
  'ab',
  'abc.js',
  'b.tsx',
  'src/a.ts',
  'src/deep/b.ts',
  'src/deep/x.ts',
  'ä',
  '😀',
];

test.each([
  ['a.ts', ['a.ts', 'src/a.ts']],
  ['*.ts', ['.dot.ts', 'A.ts', 'a.ts', 'src/a.ts', 'src/deep/b.ts', 'src/deep/x.ts']],
  ['.*', ['.dot.ts']],
  ['?', ['a', 'ä', '😀']],
  ['??', ['!x', 'ab']],
  ['[ab]', ['a']],
  ['[a-c]*', ['a', 'a.ts', 'ab', 'abc.js', 'b.tsx', 'src/a.ts', 'src/deep/b.ts']],
  ['[^a].ts*', ['A.ts', 'b.tsx', 'src/deep/b.ts', 'src/deep/x.ts']],
  ['[!a].ts*', ['A.ts', 'b.tsx', 'src/deep/b.ts', 'src/deep/x.ts']],
  ['[à-ü]', ['ä']],
  ['{a,ab}', ['a', 'ab']],
  [
    '*.{js,ts{,x}}',
    ['.dot.ts', 'A.ts', 'a.ts', 'abc.js', 'b.tsx', 'src/a.ts', 'src/deep/b.ts', 'src/deep/x.ts'],
  ],
  ['a{,b}', ['a', 'ab']],
  ['\\*star', ['*star']],
  ['\\!x', ['!x']],
  ['[*]star', ['*star']],
  ['!(*.ts)', ['!x', '*star', 'a', 'ab', 'abc.js', 'b.tsx', 'ä', '😀']],
  ['**/a.ts', ['a.ts', 'src/a.ts']],
  ['A.TS', []],
  ['**', NAMES],
])('contract §7.5: pattern %s by base name', async (pattern, found) => {
  await using directory = await temporaryDirectory();
  await writeTree(directory.path, Object.fromEntries(NAMES.map((name) => [name, ''])));
  await using execd = await startExecd();
  expect(
    await pathsBelow(directory.path, await execd.request('GET', search(directory.path, pattern))),
  ).toEqual(found);
});

test.each([
  ['src/*.ts', ['src/a.ts']],
  ['src/**', ['src/a.ts', 'src/deep/b.ts', 'src/deep/x.ts']],
  ['src/**/*.ts', ['src/a.ts', 'src/deep/b.ts', 'src/deep/x.ts']],
  ['**/deep/*', ['src/deep/b.ts', 'src/deep/x.ts']],
  ['src/*/b.ts', ['src/deep/b.ts']],
  ['src/{a,deep/b}.ts', ['src/a.ts', 'src/deep/b.ts']],
  ['deep/b.ts', []],
  ['src', []],
])('pattern %s by the path below the root', async (pattern, found) => {
  await using directory = await temporaryDirectory();
  await writeTree(directory.path, Object.fromEntries(NAMES.map((name) => [name, ''])));
  await using execd = await startExecd();
  expect(
    await pathsBelow(directory.path, await execd.request('GET', search(directory.path, pattern))),
  ).toEqual(found);
});

test.each([['[a'], ['{a,b'], ['!x'], ['a!b'], ['a\\'], ['!(a'], ['src/[a'], ['!']])(
  'contract §7.5: the bad pattern %s is 500, with files to compare or without',
  async (pattern) => {
    await using directory = await temporaryDirectory();
    await writeTree(directory.path, { 'files/zzz': '', empty: null });
    await using execd = await startExecd();
    for (const root of ['files', 'empty']) {
      const response = await execd.request('GET', search(`${directory.path}/${root}`, pattern));
      expect(await failureOf(response)).toEqual({
        status: 500,
        code: 'RUNTIME_ERROR',
        message: `error searching files. invalid pattern ${pattern}: syntax error in pattern`,
      });
    }
  },
);

test('what may not be read is skipped and counted', async ({ skip }) => {
  skip(!isRoot, 'only root can act as somebody else');
  await using directory = await temporaryDirectory();
  await openToAll(directory.path);
  await writeTree(directory.path, { 'a/1': '', 'closed/2': '', 'shut/3': '', z: '' });
  await chmod(`${directory.path}/closed`, 0o700);
  await chmod(`${directory.path}/shut`, 0o711);
  await using execd = await startExecd();
  const path = withPaths('/files/search', directory.path, { pattern: '*', uid: 65_534 });
  const response = await execd.request('GET', path);
  expect(response.headers.get('execd-files-skipped')).toBe('2');
  expect(await pathsBelow(directory.path, response)).toEqual(['a/1', 'z']);
});

test('20,000 files are all found', async () => {
  await using directory = await temporaryDirectory();
  const folders = Array.from({ length: 20 }, (_, index) => `folder-${index}`);
  await using execd = await startExecd();
  const make = `mkdir ${folders.join(' ')} && for d in ${folders.join(' ')}; do (cd $d && seq 1 1000 | xargs touch); done`;
  const events = await execd.run({ command: make, cwd: directory.path });
  expect(events.at(-1)?.type).toBe('execution_complete');
  const found = await pathsBelow(directory.path, await execd.request('GET', search(directory.path, '*')));
  expect(new Set(found).size).toBe(20_000);
  const some = await pathsBelow(directory.path, await execd.request('GET', search(directory.path, '77?')));
  expect(some).toHaveLength(200);
});
