import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { execFileSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { walk } from '../../src/filesystem/walk.ts';
import type { WalkOptions } from '../../src/filesystem/walk.ts';
import { deepTree } from '../support/deep-tree.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

/** `path` of each entry, `path/` when a directory is left. */
async function trace(root: string, options?: WalkOptions, skip?: string): Promise<string[]> {
  const seen: string[] = [];
  await walk(
    root,
    {
      visit: ({ name, relativePath }) => {
        seen.push(relativePath);
        return name === skip ? false : undefined;
      },
      leave: ({ relativePath }) => void seen.push(`${relativePath}/`),
    },
    options,
  );
  return seen;
}

async function makeTree(root: string): Promise<void> {
  await mkdir(join(root, 'b/inner'), { recursive: true });
  await mkdir(join(root, '.hidden'));
  for (const file of ['a', 'b/x', 'b/inner/deep', 'c', '.hidden/y']) await writeFile(join(root, file), '');
}

test('directories come before what they hold, names in order, and are left behind it', async () => {
  await using directory = await temporaryDirectory();
  await makeTree(directory.path);
  expect(await trace(directory.path)).toEqual([
    '.hidden',
    '.hidden/y',
    '.hidden/',
    'a',
    'b',
    'b/inner',
    'b/inner/deep',
    'b/inner/',
    'b/x',
    'b/',
    'c',
    '/',
  ]);
});

test('the order is that of the UTF-8 bytes, not of UTF-16 units', async () => {
  await using directory = await temporaryDirectory();
  for (const name of ['\u{1F600}', '\uFF21', 'z', 'é']) await writeFile(join(directory.path, name), '');
  expect(await trace(directory.path)).toEqual(['z', 'é', '\uFF21', '\u{1F600}', '/']);
});

test.each<[string, WalkOptions, string[]]>([
  ['depth 0', { depth: 0 }, []],
  ['depth 1', { depth: 1 }, ['.hidden', 'a', 'b', 'c', '/']],
  ['without hidden', { hidden: false, depth: 2 }, ['a', 'b', 'b/inner', 'b/x', 'b/', 'c', '/']],
])('%s', async (_name, options, expected) => {
  await using directory = await temporaryDirectory();
  await makeTree(directory.path);
  expect(await trace(directory.path, options)).toEqual(expected);
});

test('a directory that the visitor refuses is not entered', async () => {
  await using directory = await temporaryDirectory();
  await makeTree(directory.path);
  expect(await trace(directory.path, { hidden: false }, 'b')).toEqual(['a', 'b', 'c', '/']);
});

test('links are links; followed ones are what they lead to, and a loop ends', async () => {
  await using directory = await temporaryDirectory();
  const { path } = directory;
  await mkdir(join(path, 'd'));
  await writeFile(join(path, 'd/file'), '');
  await symlink('..', join(path, 'd/up'));
  await symlink('d', join(path, 'to-d'));
  await symlink('d/file', join(path, 'to-file'));
  await symlink('nowhere', join(path, 'to-nothing'));
  expect(await trace(path)).toEqual(['d', 'd/file', 'd/up', 'd/', 'to-d', 'to-file', 'to-nothing', '/']);
  const types: string[] = [];
  const visit = (entry: { relativePath: string; type: string }) =>
    void types.push(`${entry.relativePath} ${entry.type}`);
  await walk(path, { visit }, { follow: () => true });
  expect(types).toEqual([
    'd directory',
    'd/file file',
    'd/up directory',
    'to-d directory',
    'to-d/file file',
    'to-d/up directory',
    'to-file file',
    'to-nothing symlink',
  ]);
});

test('only what may be followed is followed', async () => {
  await using directory = await temporaryDirectory();
  await using outside = await temporaryDirectory();
  await writeFile(join(outside.path, 'secret'), '');
  await symlink(outside.path, join(directory.path, 'out'));
  const asked: string[] = [];
  const seen = await trace(directory.path, {
    follow: (realPath) => {
      asked.push(realPath);
      return false;
    },
  });
  expect(seen).toEqual(['out', '/']);
  expect(asked).toEqual([outside.path]);
});

test('the depth of a tree is not limited by the length of paths', async () => {
  await using directory = await temporaryDirectory();
  const levels = 5_000;
  await using _tree = await deepTree(directory.path, levels);
  let deepest = 0;
  let bottom: number | undefined;
  await walk(directory.path, {
    visit(entry) {
      deepest = Math.max(deepest, entry.depth);
      if (entry.type === 'file') bottom = statSync(entry.accessPath).size;
    },
  });
  expect([deepest, bottom]).toEqual([levels + 1, 0]);
});

test('an unreadable root is thrown, with the words of the system', async () => {
  await expect(walk('/nowhere/at/all', { visit: () => undefined })).rejects.toMatchObject({ code: 'ENOENT' });
});

test('a directory that vanishes before it is read is skipped and not counted', async () => {
  await using directory = await temporaryDirectory();
  await mkdir(join(directory.path, 'gone'));
  const summary = await walk(directory.path, {
    visit: (entry) => void execFileSync('rmdir', [entry.accessPath]),
  });
  expect(summary).toEqual({ skipped: 0 });
});

test('a signal ends a walk, and its descriptors are closed', async () => {
  await using directory = await temporaryDirectory();
  for (let index = 0; index < 50; index += 1) await mkdir(join(directory.path, `d${index}`));
  const abort = new AbortController();
  const busy = walk(
    directory.path,
    {
      visit: async () => {
        abort.abort(new Error('enough'));
        await new Promise((resolve) => setTimeout(resolve, 10));
      },
    },
    { signal: abort.signal },
  );
  await expect(busy).rejects.toThrow('enough');
});
