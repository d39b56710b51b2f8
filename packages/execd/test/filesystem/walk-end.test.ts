import { statSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { walk } from '../../src/filesystem/walk.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

test.each([{ isLate: false }, { isLate: true }])(
  'a visitor that says stop sees nothing more, at once or later: $isLate',
  async ({ isLate }) => {
    await using directory = await temporaryDirectory();
    await mkdir(join(directory.path, 'b', 'c'), { recursive: true });
    for (const name of ['a', 'b/1', 'b/2', 'b/c/3', 'd']) await writeFile(join(directory.path, name), '');
    const seen: string[] = [];
    const left: string[] = [];
    const summary = await walk(directory.path, {
      visit(entry) {
        seen.push(entry.relativePath);
        const result = entry.name === '2' ? 'stop' : undefined;
        return isLate ? Promise.resolve(result) : result;
      },
      leave: ({ relativePath }) => void left.push(relativePath),
    });
    expect(seen).toEqual(['a', 'b', 'b/1', 'b/2']);
    expect(left).toEqual([]);
    expect(summary).toEqual({ skipped: 0 });
  },
);

test('names that are no UTF-8 are shown with replacement characters, entered, and found by their bytes', async () => {
  await using directory = await temporaryDirectory();
  const odd = Buffer.concat([Buffer.from(`${directory.path}/d`), Buffer.from([0xff])]);
  await mkdir(odd);
  await writeFile(Buffer.concat([odd, Buffer.from('/'), Buffer.from([0xe2, 0x82])]), 'text');
  await writeFile(join(directory.path, 'file'), '');
  const seen: string[] = [];
  const sizes: number[] = [];
  const summary = await walk(directory.path, {
    visit(entry) {
      seen.push(entry.relativePath);
      if (entry.type === 'file') sizes.push(statSync(entry.systemPath).size);
    },
  });
  expect(seen).toEqual(['d\uFFFD', 'd\uFFFD/\uFFFD', 'file']);
  expect(sizes).toEqual([4, 0]);
  expect(summary).toEqual({ skipped: 0 });
});
