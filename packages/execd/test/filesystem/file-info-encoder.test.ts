import { lstat, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { FileInfoEncoder } from '../../src/filesystem/file-info-encoder.ts';
import { fileInfo } from '../../src/filesystem/file-info.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

test('an encoded info is the JSON of the info', async () => {
  await using directory = await temporaryDirectory();
  const file = join(directory.path, 'a"\\\n ä€😀');
  await writeFile(file, 'x', { mode: 0o640 });
  await utimes(file, 0, new Date('2001-02-03T04:05:06.789Z'));
  await symlink('nowhere', join(directory.path, 'link'));
  const encoder = new FileInfoEncoder();
  for (const path of [file, join(directory.path, 'link'), directory.path, '/dev/null']) {
    const stats = await lstat(path);
    expect(encoder.encode(path, stats)).toBe(JSON.stringify(fileInfo(path, stats)));
  }
});
