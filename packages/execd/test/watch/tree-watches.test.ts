import { chmodSync, linkSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { TreeWatches } from '../../src/watch/tree-watches.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { until } from '../support/until.ts';
import { expectSteps, settle, systemWatches, watchTree } from '../support/watching.ts';
import { applyEvents, treeBelow } from '../support/watched-tree.ts';

test('each kind of change is one event', async () => {
  await using directory = await temporaryDirectory();
  await using trees = new TreeWatches();
  const at = (name: string) => join(directory.path, name);
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
  const at = (name: string) => join(directory.path, name);
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
  const at = (name: string) => join(directory.path, name);
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
  const at = (name: string) => join(directory.path, name);
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
  const at = (name: string) => join(directory.path, name);
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
  await settle(watching);
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
  const at = (name: string) => join(directory.path, name);
  await using watching = await watchTree(trees, directory.path);
  for (let index = 0; index < 200; index += 1) {
    mkdirSync(at(`${index}/a/b/c`), { recursive: true });
    for (const place of ['', 'a/', 'a/b/', 'a/b/c/']) writeFileSync(at(`${index}/${place}file`), 'x');
    if (index % 3 === 0) await nextTurn();
  }
  await settle(watching);
  await until(() => watching.lines.filter((line) => line.startsWith('create')).length === 200 * 8 + 1);
  const model = new Map<string, string>();
  applyEvents(model, directory.path, watching.events);
  expect(model).toEqual(treeBelow(directory.path));
  expect(systemWatches()).toBe(1 + 200 * 4);
});

test('what is made while the tree is first read is counted or told', async () => {
  await using directory = await temporaryDirectory();
  await using trees = new TreeWatches();
  const at = (name: string) => join(directory.path, name);
  for (let index = 0; index < 300; index += 1) mkdirSync(at(`old/${index}/a`), { recursive: true });
  const reading = { isOver: false };
  const watch = watchTree(trees, directory.path).finally(() => (reading.isOver = true));
  for (let index = 0; !reading.isOver && index < 2_000; index += 1) {
    writeFileSync(at(`old/${index % 300}/a/${index}`), '');
    await nextTurn();
  }
  await using watching = await watch;
  await settle(watching);
  const created = watching.lines.filter((line) => line.startsWith('create')).length;
  expect(watching.ready.entries + created).toBe(treeBelow(directory.path).size);
});

test('without recursive only the directory itself is watched', async () => {
  await using directory = await temporaryDirectory();
  await using trees = new TreeWatches();
  const at = (name: string) => join(directory.path, name);
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
  const at = (name: string) => join(directory.path, name);
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

test('a directory that is removed and made again is watched again', async () => {
  await using directory = await temporaryDirectory();
  await using trees = new TreeWatches();
  const at = (name: string) => join(directory.path, name);
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
