import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { removeTree } from '../../src/filesystem/remove.ts';
import { deepTree } from '../support/deep-tree.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

test('a tree goes, and what its links lead to stays', async () => {
  await using directory = await temporaryDirectory();
  const tree = join(directory.path, 'tree');
  mkdirSync(join(tree, 'a/b'), { recursive: true });
  mkdirSync(join(directory.path, 'kept'));
  writeFileSync(join(directory.path, 'kept/file'), '');
  writeFileSync(join(tree, 'a/b/file'), '');
  symlinkSync('../../kept', join(tree, 'a/link'));
  execFileSync('mkfifo', [join(tree, 'pipe')]);
  await removeTree(tree);
  expect(existsSync(tree)).toBe(false);
  expect(readdirSync(join(directory.path, 'kept'))).toEqual(['file']);
});

test('a link goes and its target stays', async () => {
  await using directory = await temporaryDirectory();
  mkdirSync(join(directory.path, 'target'));
  symlinkSync('target', join(directory.path, 'link'));
  await removeTree(join(directory.path, 'link'));
  expect(readdirSync(directory.path)).toEqual(['target']);
});

test('something missing is success', async () => {
  await expect(removeTree('/no/such/thing')).resolves.toBeUndefined();
});

test('a tree deeper than any path goes', async () => {
  await using directory = await temporaryDirectory();
  await using _tree = await deepTree(directory.path, 5_000);
  await removeTree(join(directory.path, 'd'));
  expect(readdirSync(directory.path)).toEqual([]);
});

test('names that are no UTF-8 go too', async () => {
  await using directory = await temporaryDirectory();
  const tree = join(directory.path, 'tree');
  mkdirSync(Buffer.concat([Buffer.from(`${tree}/a/`), Buffer.from([0xff, 0xfe])]), { recursive: true });
  writeFileSync(Buffer.concat([Buffer.from(`${tree}/`), Buffer.from([0xe2, 0x82])]), 'text');
  await removeTree(tree);
  expect(existsSync(tree)).toBe(false);
});
