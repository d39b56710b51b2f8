import { chmodSync, linkSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { IgnoreList } from '../../src/watch/ignore-list.ts';
import { TreeWatches } from '../../src/watch/tree-watches.ts';
import type { WatchRequest } from '../../src/watch/tree-watches.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { until } from '../support/until.ts';
import { systemWatches, watchTree } from '../support/watching.ts';
import type { Watching } from '../support/watching.ts';
import { applyEvents, treeBelow } from '../support/watched-tree.ts';

type Paths = (name: string) => string;

/** Does one thing after the other, each when the events of the one before have come, and expects no others. */
async function expectSteps(watching: Watching, steps: readonly [() => void, ...string[]][]): Promise<void> {
  for (const [act, ...lines] of steps) {
    const before = watching.lines.length;
    act();
    await until(() => lines.every((line) => watching.lines.slice(before).includes(line)));
  }
  expect(watching.lines).toEqual(steps.flatMap(([, ...lines]) => lines));
}

function requestFor(path: string): WatchRequest {
  return { path, isRecursive: true, ignored: new IgnoreList([]) };
}

/** Everything that happened so far was told when this returns. */
async function settle(watching: Watching, at: Paths): Promise<void> {
  const name = `settled-${watching.events.length}`;
  writeFileSync(at(name), '');
  await watching.seen(`create ${name}`);
}

test('each kind of change is one event', async () => {
  await using directory = await temporaryDirectory();
  await using trees = new TreeWatches();
  const at: Paths = (name) => join(directory.path, name);
  mkdirSync(at('d'));
  writeFileSync(at('d/old'), 'x');
  await using watching = await watchTree(trees, directory.path);
  expect(watching.ready).toMatchObject({
    type: 'ready',
    path: directory.path,
    kind: 'directory',
    entries: 2,
    directories: 2,
    skipped: 0,
    compact: false,
  });
  await expectSteps(watching, [
    [() => writeFileSync(at('a'), ''), 'create a'],
    [() => writeFileSync(at('a'), 'x'), 'modify a'],
    [() => chmodSync(at('a'), 0o600), 'modify a'],
    [() => renameSync(at('a'), at('b')), 'rename a -> b'],
    [() => mkdirSync(at('e')), 'create e'],
    [() => renameSync(at('b'), at('e/b')), 'rename b -> e/b'],
    [() => linkSync(at('e/b'), at('e/c')), 'create e/c'],
    [() => renameSync(at('d'), at('e/d')), 'rename d -> e/d'],
    [() => writeFileSync(at('e/d/old'), 'y'), 'modify e/d/old'],
    [() => chmodSync(at('e'), 0o700), 'modify e'],
    [() => chmodSync(directory.path, 0o750), 'modify .'],
    [() => symlinkSync('nowhere', at('link')), 'create link'],
    [() => rmSync(at('link')), 'delete link'],
    [() => rmSync(at('e/b')), 'delete e/b'],
    [() => rmSync(at('e/d'), { recursive: true }), 'delete e/d/old', 'delete e/d'],
  ]);
  expect(systemWatches()).toBe(2);
  expect(watching.events.map(({ kind }) => kind).slice(-6)).toEqual([
    'directory',
    'symlink',
    'symlink',
    'file',
    'file',
    'directory',
  ]);
});

test('a file that another takes the place of is modified', async () => {
  await using directory = await temporaryDirectory();
  await using trees = new TreeWatches();
  const at: Paths = (name) => join(directory.path, name);
  writeFileSync(at('target'), 'old');
  await using watching = await watchTree(trees, directory.path);
  await expectSteps(watching, [
    [
      () => {
        writeFileSync(at('.execd-upload-a1'), 'new');
        renameSync(at('.execd-upload-a1'), at('target'));
      },
      'modify target',
    ],
    [
      () => {
        writeFileSync(at('temporary'), 'newer');
        renameSync(at('temporary'), at('target'));
      },
      'modify target',
    ],
    [
      () => {
        rmSync(at('target'));
        writeFileSync(at('target'), 'newest');
      },
      'modify target',
    ],
    [
      () => {
        rmSync(at('target'));
        symlinkSync('elsewhere', at('target'));
      },
      'delete target',
      'create target',
    ],
  ]);
});

test('logs that rotate are renamed', async () => {
  await using directory = await temporaryDirectory();
  await using trees = new TreeWatches();
  const at: Paths = (name) => join(directory.path, name);
  for (const name of ['log', 'log.1']) writeFileSync(at(name), name);
  await using watching = await watchTree(trees, directory.path);
  renameSync(at('log.1'), at('log.2'));
  renameSync(at('log'), at('log.1'));
  writeFileSync(at('log'), '');
  await watching.seen('create log');
  expect(watching.lines).toEqual(['rename log.1 -> log.2', 'rename log -> log.1', 'create log']);
});

test('what comes into the tree is created, what leaves it is deleted, with all that is below', async () => {
  await using directory = await temporaryDirectory();
  await using trees = new TreeWatches();
  const at: Paths = (name) => join(directory.path, name);
  mkdirSync(at('tree/inner/deep'), { recursive: true });
  mkdirSync(at('outside'));
  writeFileSync(at('tree/inner/deep/file'), '');
  writeFileSync(at('outside/file'), '');
  await using watching = await watchTree(trees, at('tree'));
  await expectSteps(watching, [
    [
      () => renameSync(at('tree/inner'), at('outside/inner')),
      'delete inner/deep/file',
      'delete inner/deep',
      'delete inner',
    ],
    [
      () => renameSync(at('outside'), at('tree/outside')),
      'create outside',
      'create outside/file',
      'create outside/inner',
      'create outside/inner/deep',
      'create outside/inner/deep/file',
    ],
    [() => writeFileSync(at('tree/outside/inner/deep/file'), 'x'), 'modify outside/inner/deep/file'],
  ]);
  expect(systemWatches()).toBe(4);
});

test('directories that are exchanged keep their watches', async () => {
  await using directory = await temporaryDirectory();
  await using trees = new TreeWatches();
  const at: Paths = (name) => join(directory.path, name);
  for (const name of ['a', 'b']) {
    mkdirSync(at(`${name}/below`), { recursive: true });
    writeFileSync(at(`${name}/below/of-${name}`), '');
  }
  const model = treeBelow(directory.path);
  await using watching = await watchTree(trees, directory.path);
  renameSync(at('a'), at('c'));
  renameSync(at('b'), at('a'));
  renameSync(at('c'), at('b'));
  writeFileSync(at('a/below/of-b'), 'x');
  writeFileSync(at('b/below/new'), 'x');
  await settle(watching, at);
  writeFileSync(at('a/below/later'), '');
  await watching.seen('create a/below/later');
  writeFileSync(at('b/below/later'), '');
  await watching.seen('create b/below/later');
  expect(watching.lines).toContain('modify a/below/of-b');
  applyEvents(model, directory.path, watching.events);
  expect(model).toEqual(treeBelow(directory.path));
  expect(systemWatches()).toBe(5);
});

test('nothing that happens after ready is missed, however deep it is made at once', async () => {
  await using directory = await temporaryDirectory();
  await using trees = new TreeWatches();
  const at: Paths = (name) => join(directory.path, name);
  await using watching = await watchTree(trees, directory.path);
  for (let index = 0; index < 200; index += 1) {
    mkdirSync(at(`${index}/a/b/c`), { recursive: true });
    for (const place of ['', 'a/', 'a/b/', 'a/b/c/']) writeFileSync(at(`${index}/${place}file`), 'x');
    if (index % 3 === 0) await nextTurn();
  }
  await settle(watching, at);
  await until(() => watching.lines.filter((line) => line.startsWith('create')).length === 200 * 8 + 1);
  const model = new Map<string, string>();
  applyEvents(model, directory.path, watching.events);
  expect(model).toEqual(treeBelow(directory.path));
  expect(systemWatches()).toBe(1 + 200 * 4);
});

test('what is made while the tree is first read is counted or told', async () => {
  await using directory = await temporaryDirectory();
  await using trees = new TreeWatches();
  const at: Paths = (name) => join(directory.path, name);
  for (let index = 0; index < 300; index += 1) mkdirSync(at(`old/${index}/a`), { recursive: true });
  let isReady = false;
  const watch = watchTree(trees, directory.path).finally(() => (isReady = true));
  for (let index = 0; !isReady && index < 2_000; index += 1) {
    writeFileSync(at(`old/${index % 300}/a/${index}`), '');
    await nextTurn();
  }
  await using watching = await watch;
  await settle(watching, at);
  const created = watching.lines.filter((line) => line.startsWith('create')).length;
  expect(watching.ready.entries + created).toBe(treeBelow(directory.path).size);
});

test('without recursive only the directory itself is watched', async () => {
  await using directory = await temporaryDirectory();
  await using trees = new TreeWatches();
  const at: Paths = (name) => join(directory.path, name);
  mkdirSync(at('sub'));
  writeFileSync(at('sub/file'), '');
  await using watching = await watchTree(trees, directory.path, { recursive: false });
  expect(watching.ready).toMatchObject({ entries: 1, directories: 1 });
  writeFileSync(at('sub/file'), 'x');
  mkdirSync(at('sub/more'));
  await expectSteps(watching, [
    [() => writeFileSync(at('file'), ''), 'create file'],
    [() => renameSync(at('sub'), at('renamed')), 'rename sub -> renamed'],
    [() => mkdirSync(at('new')), 'create new'],
    [() => renameSync(at('file'), at('new/file')), 'delete file'],
    [() => rmSync(at('renamed'), { recursive: true }), 'delete renamed'],
  ]);
  expect(systemWatches()).toBe(1);
});

test('a single file is watched by way of its directory, until it is deleted', async () => {
  await using directory = await temporaryDirectory();
  await using trees = new TreeWatches();
  const at: Paths = (name) => join(directory.path, name);
  writeFileSync(at('file'), '');
  symlinkSync('file', at('link'));
  await using watching = await watchTree(trees, at('link'));
  expect(watching.ready).toMatchObject({ path: at('file'), kind: 'file', entries: 1, directories: 1 });
  writeFileSync(at('other'), '');
  await expectSteps(watching, [
    [() => writeFileSync(at('file'), 'x'), 'modify .'],
    [
      () => {
        writeFileSync(at('temporary'), '');
        renameSync(at('temporary'), at('file'));
      },
      'modify .',
    ],
    [() => renameSync(at('file'), at('moved')), 'delete .'],
  ]);
  await watching.ended;
  await until(() => systemWatches() === 0);
});

test.each([
  ['removed', (root: string) => rmSync(root, { recursive: true })],
  ['moved', (root: string) => renameSync(root, `${root}-moved`)],
  [
    'taken from its place by a move above it',
    (root: string) => renameSync(join(root, '..'), `${root}/../../x`),
  ],
])('when the root is %s its deletion is the last event', async (_how, act) => {
  await using directory = await temporaryDirectory();
  await using trees = new TreeWatches();
  const root = join(directory.path, 'parent/root');
  mkdirSync(join(root, 'a/b'), { recursive: true });
  await using watching = await watchTree(trees, root);
  act(root);
  // What is above the root is not watched: the next event in it shows that it is gone.
  const moved = join(directory.path, 'x/root');
  if (watching.lines.length === 0 && treeBelow(directory.path).has(moved))
    writeFileSync(join(moved, 'touched'), '');
  await watching.ended;
  expect(watching.lines.at(-1)).toBe('delete .');
  await until(() => systemWatches() === 0);
  await expect(watchTree(trees, root)).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
});

test('a single file whose directory goes away is deleted', async () => {
  await using directory = await temporaryDirectory();
  await using trees = new TreeWatches();
  mkdirSync(join(directory.path, 'a'));
  const file = join(directory.path, 'a/file');
  writeFileSync(file, '');
  await using watching = await watchTree(trees, file);
  renameSync(join(directory.path, 'a'), join(directory.path, 'b'));
  await watching.ended;
  expect(watching.lines).toEqual(['delete .']);
});

test('.git and node_modules are ignored, and what the request names', async () => {
  await using directory = await temporaryDirectory();
  await using trees = new TreeWatches();
  const at: Paths = (name) => join(directory.path, name);
  for (const path of ['.git/objects', 'a/node_modules/x', 'build/out', 'a/b/c'])
    mkdirSync(at(path), { recursive: true });
  await using watching = await watchTree(trees, directory.path, { ignore: ['*.log', 'build/**', 'a/*/c'] });
  expect(watching.ready).toMatchObject({ directories: 4 });
  for (const path of [
    '.git/HEAD',
    'a/node_modules/y',
    'some.log',
    'build/out.js',
    'a/b/c/file',
    'a/some.log',
  ])
    writeFileSync(at(path), '');
  await expectSteps(watching, [
    [() => writeFileSync(at('a/b/file'), ''), 'create a/b/file'],
    [() => renameSync(at('a/b/file'), at('a/b/file.log')), 'delete a/b/file'],
    [() => renameSync(at('a/b/file.log'), at('a/b/file')), 'create a/b/file'],
    [() => renameSync(at('a'), at('.git/a')), 'delete a/b/file', 'delete a/b', 'delete a'],
  ]);
});

test.each([
  [[''], ['.git', 'file.log']],
  [['', '*.log'], ['.git']],
  [['*.log'], []],
  [[], ['file.log']],
])('ignoring %j lets %j through', async (ignore, expected) => {
  await using directory = await temporaryDirectory();
  await using trees = new TreeWatches();
  await using watching = await watchTree(trees, directory.path, { ignore });
  for (const name of ['.git', 'file.log', 'last']) writeFileSync(join(directory.path, name), '');
  await watching.seen('create last');
  expect(watching.lines).toEqual([...expected, 'last'].map((name) => `create ${name}`));
});

test('links are reported and never followed', async () => {
  await using directory = await temporaryDirectory();
  await using trees = new TreeWatches();
  const at: Paths = (name) => join(directory.path, name);
  mkdirSync(at('tree/a'), { recursive: true });
  mkdirSync(at('outside'));
  symlinkSync('../..', at('tree/a/loop'));
  symlinkSync(at('outside'), at('tree/out'));
  symlinkSync(at('tree'), at('root'));
  await using watching = await watchTree(trees, at('root'));
  expect(watching.ready).toMatchObject({ path: at('tree'), entries: 3, directories: 2 });
  writeFileSync(at('outside/file'), '');
  await expectSteps(watching, [
    [() => symlinkSync(at('outside'), at('tree/again')), 'create again'],
    [() => writeFileSync(at('tree/a/loop/tree/file'), ''), 'create file'],
    [() => rmSync(at('tree/out')), 'delete out'],
  ]);
  expect(systemWatches()).toBe(2);
});

const NAMES = [
  'a b',
  'line\nbreak',
  'é',
  '日本語',
  '👩‍👧',
  '"quoted"\\',
  '\u2028',
  '...',
  '.hidden',
  '*',
  'x'.repeat(255),
];

test.each(NAMES)('the name %j is reported as it is', async (name) => {
  await using directory = await temporaryDirectory();
  await using trees = new TreeWatches();
  await using watching = await watchTree(trees, directory.path);
  mkdirSync(join(directory.path, name));
  await watching.seen(`create ${name}`);
  writeFileSync(join(directory.path, name, name), '');
  await watching.seen(`create ${name}/${name}`);
});

test('a directory with the name of its parent is told apart from it', async () => {
  await using directory = await temporaryDirectory();
  await using trees = new TreeWatches();
  const at: Paths = (name) => join(directory.path, name);
  mkdirSync(at('same/same'), { recursive: true });
  await using watching = await watchTree(trees, directory.path);
  await expectSteps(watching, [
    [() => chmodSync(at('same'), 0o700), 'modify same'],
    [() => chmodSync(at('same/same'), 0o700), 'modify same/same'],
    [() => renameSync(at('same'), at('other')), 'rename same -> other'],
    [() => rmSync(at('other'), { recursive: true }), 'delete other/same', 'delete other'],
  ]);
});

test('a directory that is removed and made again is watched again', async () => {
  await using directory = await temporaryDirectory();
  await using trees = new TreeWatches();
  const at: Paths = (name) => join(directory.path, name);
  await using watching = await watchTree(trees, directory.path);
  for (let round = 0; round < 100; round += 1) {
    mkdirSync(at('d'));
    writeFileSync(at(`d/${round}`), '');
    if (round % 4 === 0) await nextTurn();
    if (round < 99) rmSync(at('d'), { recursive: true });
    if (round % 3 === 0) await nextTurn();
  }
  await watching.seen('create d/99');
  writeFileSync(at('d/later'), '');
  await watching.seen('create d/later');
  const model = new Map<string, string>();
  applyEvents(model, directory.path, watching.events);
  expect(model).toEqual(treeBelow(directory.path));
  expect(systemWatches()).toBe(2);
});

test('readers of the same tree share its watches, which end with the last of them', async () => {
  await using directory = await temporaryDirectory();
  await using trees = new TreeWatches();
  for (const name of ['a', 'b', 'c']) mkdirSync(join(directory.path, name));
  symlinkSync(directory.path, join(directory.path, 'link'));
  const first = await watchTree(trees, directory.path, { ignore: ['x', 'y'] });
  const second = await watchTree(trees, join(directory.path, 'link'), { ignore: ['y', 'x', 'x'] });
  expect(systemWatches()).toBe(4);
  writeFileSync(join(directory.path, 'a/file'), '');
  await first.seen('create a/file');
  await second.seen('create a/file');
  const third = await watchTree(trees, directory.path, { ignore: ['x', 'y'] });
  expect(third.ready.entries).toBe(5);
  await first[Symbol.asyncDispose]();
  await third[Symbol.asyncDispose]();
  expect(systemWatches()).toBe(4);
  writeFileSync(join(directory.path, 'b/file'), '');
  await second.seen('create b/file');
  await second[Symbol.asyncDispose]();
  expect(systemWatches()).toBe(0);
});

test('trees that overlap do not disturb each other', async () => {
  await using directory = await temporaryDirectory();
  await using trees = new TreeWatches();
  const at: Paths = (name) => join(directory.path, name);
  mkdirSync(at('a/b'), { recursive: true });
  const outer = await watchTree(trees, directory.path);
  await using inner = await watchTree(trees, at('a/b'));
  writeFileSync(at('a/b/file'), '');
  await inner.seen('create file');
  await outer.seen('create a/b/file');
  await outer[Symbol.asyncDispose]();
  expect(systemWatches()).toBe(1);
  rmSync(at('a/b/file'));
  await inner.seen('delete file');
});

test('disposing ends the streams of all readers and their watches', async () => {
  await using directory = await temporaryDirectory();
  const trees = new TreeWatches();
  mkdirSync(join(directory.path, 'a'));
  const watching = await watchTree(trees, directory.path);
  await trees[Symbol.asyncDispose]();
  await watching.ended;
  expect(systemWatches()).toBe(0);
  await expect(watchTree(trees, directory.path)).rejects.toMatchObject({ kind: 'unavailable' });
});

test('a reader that leaves while the tree is read leaves nothing behind', async () => {
  await using directory = await temporaryDirectory();
  await using trees = new TreeWatches();
  for (let index = 0; index < 500; index += 1)
    mkdirSync(join(directory.path, `${index}/a/b`), { recursive: true });
  const leave = new AbortController();
  const events = trees.follow(requestFor(directory.path), leave.signal);
  const first = events.next();
  await until(() => systemWatches() > 100);
  leave.abort();
  expect(await first).toEqual({ done: true, value: undefined });
  expect(systemWatches()).toBe(0);
});
