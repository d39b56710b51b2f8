import { chmodSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { TreeWatches } from '../../src/watch/tree-watches.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { expectSteps, systemWatches, watchTree } from '../support/watching.ts';

test('.git and node_modules are ignored, and what the request names', async () => {
  await using directory = await temporaryDirectory();
  await using trees = new TreeWatches();
  const at = (name: string) => join(directory.path, name);
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
  const at = (name: string) => join(directory.path, name);
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
  const at = (name: string) => join(directory.path, name);
  mkdirSync(at('same/same'), { recursive: true });
  await using watching = await watchTree(trees, directory.path);
  await expectSteps(watching, [
    [() => chmodSync(at('same'), 0o700), 'modify same'],
    [() => chmodSync(at('same/same'), 0o700), 'modify same/same'],
    [() => renameSync(at('same'), at('other')), 'rename same -> other'],
    [() => rmSync(at('other'), { recursive: true }), 'delete other/same', 'delete other'],
  ]);
});
