import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { findInPath, findShell } from '../../src/os/shell.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

async function program(directory: string, name: string, mode = 0o755): Promise<string> {
  await mkdir(directory, { recursive: true });
  const file = join(directory, name);
  await writeFile(file, '#!/bin/sh\n');
  await chmod(file, mode);
  return file;
}

test('contract A2.1: a program is the first executable regular file of that name in PATH', async () => {
  await using directory = await temporaryDirectory();
  const place = (name: string) => join(directory.path, name);
  await mkdir(place('has-directory/tool'), { recursive: true });
  await program(place('not-executable'), 'tool', 0o644);
  await mkdir(place('dangling'));
  await symlink('/nowhere', place('dangling/tool'));
  const first = await program(place('first'), 'tool');
  await program(place('second'), 'tool');
  await mkdir(place('linked'));
  await symlink(first, place('linked/tool'));
  const skipped = ['missing', 'has-directory', 'not-executable', 'dangling'].map(place).join(':');
  expect(findInPath('tool', `${skipped}:${place('first')}:${place('second')}`)).toBe(first);
  expect(findInPath('tool', skipped)).toBeUndefined();
  expect(findInPath('tool', place('linked'))).toBe(place('linked/tool'));
  expect(findInPath('other', place('first'))).toBeUndefined();
});

test.each(['', '.', 'bin', '::', undefined])(
  'contract A2.1: %o has no absolute directory, nothing is found',
  (path) => {
    expect(findInPath('vitest.config.ts', path)).toBeUndefined();
  },
);

test('contract §3.1: bash runs command lines, though sh comes earlier', async () => {
  await using directory = await temporaryDirectory();
  const sh = await program(join(directory.path, 'a'), 'sh');
  const bash = await program(join(directory.path, 'b'), 'bash');
  expect(findShell(`${directory.path}/a:${directory.path}/b`)).toEqual({ name: 'bash', file: bash });
  expect(findShell(`${directory.path}/a`)).toEqual({ name: 'sh', file: sh });
});

test('without any shell the error will name /bin/sh', () => {
  expect(findShell('/nowhere')).toEqual({ name: 'sh', file: '/bin/sh' });
  expect(findShell(undefined)).toEqual({ name: 'sh', file: '/bin/sh' });
});
