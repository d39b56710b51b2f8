import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { TreeWatches } from '../../src/watch/tree-watches.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { until } from '../support/until.ts';
import { requestFor, systemWatches, watchTree } from '../support/watching.ts';
import { treeBelow } from '../support/watched-tree.ts';

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
  const at = (name: string) => join(directory.path, name);
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
