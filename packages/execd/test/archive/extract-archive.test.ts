import { lstatSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { chmod, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { extractionPlace } from '../support/archive.ts';
import { readTree, writeTree } from '../support/file-tree.ts';
import {
  base256,
  paxHeader,
  tarDirectory,
  tarHardLink,
  tarSymlink,
  tarball,
  TAR_END,
} from '../support/tar.ts';

describe('what comes out', () => {
  test('files, directories and links with their modes and times; counts of them', async () => {
    await using place = await extractionPlace();
    const bytes = tarball(
      { ...tarDirectory('d/', 0o2750), mtime: 1_111_111_111 },
      paxHeader({ mtime: '1234567890.123456' }),
      { name: 'd/script', content: 'echo', mode: 0o6755 },
      { name: 'd/empty', mode: 0o600 },
      { ...tarSymlink('d/link', '../d/script'), mtime: 5 },
      tarHardLink('d/name', 'd/script'),
      { name: 'made/on/the/way', content: 'x' },
    );
    expect(await place.extract(bytes)).toEqual({
      files: 4,
      directories: 1,
      symlinks: 1,
      bytes: 5,
      skipped: 0,
    });
    const at = (name: string) => lstatSync(join(place.target, name), { bigint: true });
    expect(at('d').mode & 0o7777n).toBe(0o750n);
    expect(at('d').mtimeMs).toBe(1_111_111_111_000n);
    expect(at('d/script').mode & 0o7777n).toBe(0o755n);
    expect(at('d/script').mtimeNs / 1_000n).toBe(1_234_567_890_123_456n);
    expect(at('d/empty').mode & 0o7777n).toBe(0o600n);
    expect(at('d/link').mtimeMs).toBe(5_000n);
    expect(await readlink(join(place.target, 'd/link'))).toBe('../d/script');
    expect(at('d/name').ino).toBe(at('d/script').ino);
    expect(readFileSync(join(place.target, 'd/name'), 'utf8')).toBe('echo');
    expect(readFileSync(join(place.target, 'made/on/the/way'), 'utf8')).toBe('x');
    expect(readdirSync(join(place.target, 'd'))).toEqual(['empty', 'link', 'name', 'script']);
  });

  test('a directory without permission to write holds what belongs into it', async () => {
    await using place = await extractionPlace();
    await place.extract(tarball(tarDirectory('closed', 0o555), { name: 'closed/file', content: 'x' }));
    expect(statSync(join(place.target, 'closed')).mode & 0o777).toBe(0o555);
    expect(readFileSync(join(place.target, 'closed/file'), 'utf8')).toBe('x');
  });

  test('a missing target is made, with what the archive says of it', async () => {
    await using place = await extractionPlace();
    const target = join(place.target, 'new/target');
    await place.extract(tarball({ ...tarDirectory('./', 0o700), mtime: 99 }, { name: './a' }), {
      directory: target,
    });
    expect(statSync(target).mode & 0o777).toBe(0o700);
    expect(statSync(target).mtimeMs).toBe(99_000);
    await place.extract(TAR_END, { directory: join(place.target, 'empty') });
    expect(readdirSync(place.target)).toEqual(['empty', 'new']);
  });

  test('directories that exist are merged and stay as they are, files and links are replaced', async () => {
    await using place = await extractionPlace();
    await writeTree(place.target, {
      'd/kept': 'kept',
      'd/old': 'old',
      'd/link': { link: '../../outside/secret' },
    });
    await chmod(join(place.target, 'd'), 0o700);
    const bytes = tarball(
      tarDirectory('d', 0o755),
      { name: 'd/old', content: 'new', mode: 0o640 },
      // In the place of the link, not where it leads.
      { name: 'd/link', content: 'file' },
    );
    await place.extract(bytes);
    const tree = await readTree(place.target);
    expect(Object.keys(tree)).toEqual(['d', 'd/kept', 'd/link', 'd/old']);
    expect(statSync(join(place.target, 'd')).mode & 0o777).toBe(0o700);
    expect(readFileSync(join(place.target, 'd/old'), 'utf8')).toBe('new');
    expect(lstatSync(join(place.target, 'd/link')).isFile()).toBe(true);
    expect(readFileSync(join(place.target, '../outside/secret'), 'utf8')).toBe('secret');
  });

  test('the last of several entries of one name counts', async () => {
    await using place = await extractionPlace();
    const bytes = tarball(
      { name: 'a', content: '1' },
      tarSymlink('a', 'b'),
      { name: 'a', content: '2' },
      tarHardLink('b', 'a'),
      tarHardLink('b', 'a'),
      tarHardLink('a', 'b'),
      tarHardLink('a', 'a'),
    );
    await place.extract(bytes);
    expect(readdirSync(place.target)).toEqual(['a', 'b']);
    expect(readFileSync(join(place.target, 'b'), 'utf8')).toBe('2');
  });

  test('devices, pipes and unknown kinds are skipped and counted', async () => {
    await using place = await extractionPlace();
    const bytes = tarball(
      { name: 'c', type: '3' },
      { name: 'b', type: '4' },
      { name: 'p', type: '6' },
      { name: 'v', type: 'V', content: 'x'.repeat(700) },
      { name: 'file' },
    );
    expect(await place.extract(bytes)).toMatchObject({ files: 1, skipped: 4 });
    expect(readdirSync(place.target)).toEqual(['file']);
  });

  test('files belong to whom the archive says only when that is wanted', async ({ skip }) => {
    skip(process.geteuid?.() !== 0, 'only root can give files away');
    await using place = await extractionPlace();
    const owner = { uid: 1234, gid: 4321 };
    const bytes = tarball(
      { ...tarDirectory('d'), ...owner },
      { name: 'd/f', ...owner },
      { ...tarSymlink('d/l', 'f'), ...owner },
    );
    await place.extract(bytes);
    expect(statSync(join(place.target, 'd/f'))).toMatchObject({ uid: 0, gid: 0 });
    await place.extract(bytes, { preserveOwner: true, directory: join(place.target, 'own') });
    for (const name of ['d', 'd/f', 'd/l']) {
      expect(lstatSync(join(place.target, 'own', name)), name).toMatchObject(owner);
    }
  });

  test('gzip is told by its first bytes, in one or several parts', async () => {
    await using place = await extractionPlace();
    const bytes = tarball({ name: 'a', content: 'x'.repeat(100_000) });
    const half = Buffer.concat([gzipSync(bytes.subarray(0, 5_000)), gzipSync(bytes.subarray(5_000))]);
    expect(await place.extract(gzipSync(bytes))).toMatchObject({ files: 1, bytes: 100_000 });
    expect(await place.extract(half)).toMatchObject({ files: 1, bytes: 100_000 });
    async function* byteByByte(): AsyncGenerator<Buffer> {
      for (const byte of gzipSync(bytes)) yield Buffer.from([byte]);
    }
    expect(await place.extract(byteByByte())).toMatchObject({ files: 1, bytes: 100_000 });
  });

  test('times that no file system has are brought into range', async () => {
    await using place = await extractionPlace();
    const bytes = tarball(
      { name: 'late', mtime: base256(2n ** 52n, 12) },
      { name: 'early', mtime: base256(-(2n ** 52n), 12) },
      { ...tarDirectory('d'), mtime: base256(2n ** 52n, 12) },
    );
    expect(await place.extract(bytes)).toMatchObject({ files: 2 });
  });
});

describe('include, exclude and strip', () => {
  const bytes = tarball(
    tarDirectory('top/', 0o700),
    { name: 'top/a.ts' },
    tarDirectory('top/src', 0o700),
    { name: 'top/src/b.ts' },
    { name: 'top/src/c.js' },
    tarDirectory('top/node_modules'),
    { name: 'top/node_modules/d.ts' },
    { name: 'outer.ts' },
  );

  test.each([
    [{ strip: 1 }, ['a.ts', 'node_modules', 'node_modules/d.ts', 'src', 'src/b.ts', 'src/c.js']],
    [{ strip: 2 }, ['b.ts', 'c.js', 'd.ts']],
    [{ strip: 9 }, []],
    [{ exclude: ['node_modules'], strip: 1 }, ['a.ts', 'src', 'src/b.ts', 'src/c.js']],
    [{ include: ['*.js'] }, ['top', 'top/src', 'top/src/c.js']],
    [{ include: ['top/*.ts'] }, ['top', 'top/a.ts']],
    [
      { include: ['*.ts'], exclude: ['top/src', 'outer*'] },
      ['top', 'top/a.ts', 'top/node_modules', 'top/node_modules/d.ts'],
    ],
  ])('%j', async (wish, names) => {
    await using place = await extractionPlace();
    await place.extract(bytes, wish);
    expect(Object.keys(await readTree(place.target))).toEqual(names);
  });

  test('what is left without a name is counted; a directory made for a file has its own mode', async () => {
    await using place = await extractionPlace();
    expect(await place.extract(bytes, { strip: 1, include: ['b.ts'] })).toMatchObject({
      files: 1,
      skipped: 1,
    });
    expect(statSync(join(place.target, 'src')).mode & 0o777).toBe(0o700);
  });

  test('what is excluded may be what would be refused', async () => {
    await using place = await extractionPlace();
    const archive = tarball(tarSymlink('bin/python', '/usr/bin/python3'), { name: 'a' });
    expect(await place.extract(archive, { exclude: ['bin'] })).toMatchObject({ files: 1, symlinks: 0 });
  });

  test('hard links are stripped at both ends', async () => {
    await using place = await extractionPlace();
    await place.extract(tarball({ name: 'x/a', content: '1' }, tarHardLink('x/b', './x/a')), { strip: 1 });
    expect(readFileSync(join(place.target, 'b'), 'utf8')).toBe('1');
  });
});
