import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { TreeWatches } from '../../src/watch/tree-watches.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { applyEvents, treeBelow } from '../support/watched-tree.ts';
import { requestFor, systemWatches, watchTree } from '../support/watching.ts';

/** Creates files without a turn of the event loop in between. */
function createFiles(directory: string, count: number): void {
  for (let index = 0; index < count; index += 1) writeFileSync(join(directory, `file-${index}`), '');
}

test('events that the system drops while the server stands still are made up for', async () => {
  await using directory = await temporaryDirectory();
  await using trees = new TreeWatches({ entries: 100_000 });
  const root = directory.path;
  mkdirSync(join(root, 'a/gone'), { recursive: true });
  writeFileSync(join(root, 'a/replaced'), '');
  const model = treeBelow(root);
  await using watching = await watchTree(trees, root);
  createFiles(join(root, 'a'), 50_000);
  // The queue of the system is full: nothing is told of what follows.
  rmSync(join(root, 'a/gone'), { recursive: true });
  rmSync(join(root, 'a/replaced'));
  mkdirSync(join(root, 'a/replaced'));
  mkdirSync(join(root, 'b/c'), { recursive: true });
  await watching.seen('overflow events-lost .');
  expect(watching.lines.at(-1)).toBe('overflow events-lost .');
  applyEvents(model, root, watching.events);
  expect(model).toEqual(treeBelow(root));
  expect(systemWatches()).toBe(5);
  writeFileSync(join(root, 'b/c/later'), '');
  writeFileSync(join(root, 'a/replaced/later'), '');
  await watching.seen('create b/c/later');
  await watching.seen('create a/replaced/later');
});

test('a tree of which only directories are known recovers from lost events too', async () => {
  await using directory = await temporaryDirectory();
  await using trees = new TreeWatches({ entries: 10 });
  const root = directory.path;
  mkdirSync(join(root, 'a/gone'), { recursive: true });
  createFiles(join(root, 'a'), 20);
  await using watching = await watchTree(trees, root);
  createFiles(join(root, 'a'), 50_000);
  rmSync(join(root, 'a/gone'), { recursive: true });
  mkdirSync(join(root, 'b/c'), { recursive: true });
  writeFileSync(join(root, 'b/c/inside'), '');
  await watching.seen('overflow events-lost .');
  expect(watching.lines.filter((line) => !line.includes('file-'))).toEqual([
    'delete a/gone',
    'create b',
    'create b/c',
    'create b/c/inside',
    'overflow events-lost .',
  ]);
  writeFileSync(join(root, 'b/c/later'), '');
  await watching.seen('create b/c/later');
});

test('a large tree is compact: files have no renames, directories do', async () => {
  await using directory = await temporaryDirectory();
  await using trees = new TreeWatches({ entries: 10 });
  const root = directory.path;
  mkdirSync(join(root, 'a/b'), { recursive: true });
  createFiles(join(root, 'a'), 20);
  await using watching = await watchTree(trees, root);
  expect(watching.ready).toMatchObject({ compact: true, entries: 22, directories: 3 });
  const steps: [() => void, string[]][] = [
    [() => writeFileSync(join(root, 'a/new'), ''), ['create a/new']],
    [() => writeFileSync(join(root, 'a/file-1'), 'x'), ['modify a/file-1']],
    [() => renameSync(join(root, 'a/new'), join(root, 'a/b/newer')), ['delete a/new', 'create a/b/newer']],
    [() => rmSync(join(root, 'a/file-2')), ['delete a/file-2']],
    [() => renameSync(join(root, 'a'), join(root, 'moved')), ['rename a -> moved']],
    [() => writeFileSync(join(root, 'moved/b/more'), ''), ['create moved/b/more']],
    [() => mkdirSync(join(root, 'x/y'), { recursive: true }), ['create x', 'create x/y']],
    [() => rmSync(join(root, 'moved/b'), { recursive: true }), ['delete moved/b']],
  ];
  for (const [act, lines] of steps) {
    act();
    for (const line of lines) await watching.seen(line);
  }
  // What was in a directory that is gone may be told or not.
  const lines = watching.lines.filter((line) => !line.startsWith('delete moved/b/'));
  expect(lines).toEqual(steps.flatMap(([, ...some]) => some.flat()));
  expect(watching.events.find(({ path }) => path.endsWith('file-2'))).toMatchObject({ kind: 'file' });
});

test('a tree that grows becomes compact', async () => {
  await using directory = await temporaryDirectory();
  await using trees = new TreeWatches({ entries: 10 });
  await using watching = await watchTree(trees, directory.path);
  expect(watching.ready.compact).toBe(false);
  createFiles(directory.path, 20);
  await watching.seen('create file-19');
  expect(watching.lines).toHaveLength(20);
  await using second = await watchTree(trees, directory.path);
  expect(second.ready).toMatchObject({ compact: true, entries: 20 });
});

test('what a tree remembered is free for others when it ends', async () => {
  await using directory = await temporaryDirectory();
  await using trees = new TreeWatches({ entries: 10 });
  const [one, other] = [join(directory.path, 'one'), join(directory.path, 'other')];
  for (const path of [one, other]) {
    mkdirSync(path);
    createFiles(path, 8);
  }
  for (const path of [one, other, one]) {
    await using watching = await watchTree(trees, path);
    expect(watching.ready.compact).toBe(false);
    await using second = await watchTree(trees, path === one ? other : one);
    expect(second.ready.compact).toBe(true);
    rmSync(join(path, 'file-3'));
    await watching.seen('delete file-3');
    createFiles(path, 8);
    await watching.seen('create file-3');
  }
});

test('more directories than the limit cannot be watched', async () => {
  await using directory = await temporaryDirectory();
  await using trees = new TreeWatches({ directories: 4 });
  for (const name of ['a', 'b', 'c', 'd']) mkdirSync(join(directory.path, name));
  await expect(watchTree(trees, directory.path)).rejects.toMatchObject({
    kind: 'too-large',
    code: 'WATCH_LIMIT',
    message: expect.stringContaining('4 directories') as string,
  });
  expect(systemWatches()).toBe(0);
  rmSync(join(directory.path, 'd'), { recursive: true });
  await using watching = await watchTree(trees, directory.path);
  expect(watching.ready.directories).toBe(4);
});

test('a tree that grows past the limit of directories tells so and goes on with those that it has', async () => {
  await using directory = await temporaryDirectory();
  await using trees = new TreeWatches({ directories: 3 });
  const root = directory.path;
  mkdirSync(join(root, 'a'));
  await using watching = await watchTree(trees, root);
  for (const name of ['b', 'c', 'd']) mkdirSync(join(root, name));
  await watching.seen('create d');
  writeFileSync(join(root, 'c/unseen'), '');
  writeFileSync(join(root, 'b/seen'), '');
  writeFileSync(join(root, 'a/seen'), '');
  await watching.seen('create a/seen');
  expect(watching.lines).toEqual([
    'create b',
    'overflow watch-limit c',
    'create c',
    'create d',
    'create b/seen',
    'create a/seen',
  ]);
  rmSync(join(root, 'b'), { recursive: true });
  await watching.seen('delete b');
  mkdirSync(join(root, 'e'));
  await watching.seen('create e');
  writeFileSync(join(root, 'e/seen'), '');
  await watching.seen('create e/seen');
});

test('only so many clients can watch', async () => {
  await using directory = await temporaryDirectory();
  await using trees = new TreeWatches({ clients: 2 });
  await using _one = await watchTree(trees, directory.path);
  {
    await using _two = await watchTree(trees, directory.path);
    await expect(watchTree(trees, directory.path)).rejects.toMatchObject({ code: 'WATCH_LIMIT' });
  }
  await using _three = await watchTree(trees, directory.path);
});

test('a reader that does not read loses its events, is told once, and holds nobody up', async () => {
  await using directory = await temporaryDirectory();
  await using trees = new TreeWatches({ entries: 100_000 });
  const leave = new AbortController();
  const stalled = trees.follow(requestFor(directory.path, { recursive: false }), leave.signal);
  await stalled.next();
  await using watching = await watchTree(trees, directory.path, { recursive: false });
  for (let round = 0; round < 15; round += 1) {
    const inside = join(directory.path, `${round}-`);
    for (let index = 0; index < 1_000; index += 1) writeFileSync(inside + index, '');
    await watching.seen(`create ${round}-999`);
  }
  expect(watching.lines).toHaveLength(15_000);
  const told = await stalled.next();
  expect(told.value?.map((text) => JSON.parse(text) as unknown)).toEqual([
    expect.objectContaining({ type: 'overflow', reason: 'slow-client', path: directory.path }),
  ]);
  writeFileSync(join(directory.path, 'later'), '');
  const next = await stalled.next();
  expect(next.value?.[0]).toContain('later');
  leave.abort();
  expect((await stalled.next()).done).toBe(true);
});
