import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { extractionPlace } from '../support/archive.ts';
import { writeTree } from '../support/file-tree.ts';
import { mountTmpfs } from '../support/mounts.ts';
import {
  base256,
  gnuLong,
  paxHeader,
  tarDirectory,
  tarHardLink,
  tarSymlink,
  tarball,
} from '../support/tar.ts';

describe('refused, and nothing has changed', () => {
  const good = [
    tarDirectory('new/'),
    { name: 'new/file', content: 'x' },
    { name: 'kept', content: 'new' },
  ] as const;

  test.each([
    ['an absolute name', [{ name: '/tmp/x' }], '"/tmp/x"'],
    ['a name that goes up', [{ name: '../outside/secret' }], '"../outside/secret"'],
    ['a directory that goes up', [tarDirectory('new/../../outside/made')], 'goes up'],
    ['a name that goes up by its prefix', [{ name: 'x', prefix: 'a/../..' }], 'goes up'],
    ['a long name that goes up', [gnuLong('L', `${'a/'.repeat(200)}${'../'.repeat(201)}x`), {}], 'goes up'],
    ['a name in pax that goes up', [paxHeader({ path: '../x' }), {}], 'goes up'],
    ['a NUL in a name', [paxHeader({ path: 'a\0b' }), {}], 'NUL'],
    ['a long name with a NUL', [gnuLong('L', 'a\0/../../b'), {}], 'NUL'],
    ['no name', [{ name: '' }], 'without a name'],
    ['a file called .', [{ name: './.' }], 'without a name'],
    [
      'a name of 256 bytes',
      [{ name: 'x'.repeat(100), prefix: '' }, paxHeader({ path: 'x'.repeat(256) }), {}],
      '255',
    ],
    ['a path of 5,000 bytes', [paxHeader({ path: 'xxxx/'.repeat(1_000) }), {}], '4096'],
    ['a skipped entry with a bad name', [{ name: '/dev/null', type: '3' }], 'absolute'],
    ['a symlink to an absolute path', [tarSymlink('l', '/etc/passwd')], '"l"'],
    ['a symlink out', [tarSymlink('new/l', '../../outside')], 'leads out'],
    ['a symlink to nowhere', [tarSymlink('l', '')], 'nowhere'],
    ['a long target out', [gnuLong('K', `${'./'.repeat(200)}..`), tarSymlink('l', 'x')], 'leads out'],
    [
      'writing through a symlink of the archive',
      [tarSymlink('l', 'new'), { name: 'l/file' }],
      'through a symbolic link',
    ],
    ['a directory through one', [tarSymlink('l', 'new'), tarDirectory('l/d')], 'through a symbolic link'],
    ['a link through one', [tarSymlink('l', 'new'), tarSymlink('l/l', 'x')], 'through a symbolic link'],
    [
      'a directory in the place of one',
      [tarSymlink('l', 'new'), tarDirectory('l')],
      'through a symbolic link',
    ],
    ['a chain of symlinks', [tarSymlink('a', '.'), tarSymlink('b', 'a/..'), { name: 'b/x' }], 'leads out'],
    ['writing through a symlink that is there', [{ name: 'there/x' }], '"there"'],
    ['a directory through one that is there', [tarDirectory('there/x')], '"there"'],
    ['a directory in its place', [tarDirectory('there')], '"there"'],
    ['a symlink through it', [tarSymlink('there/x', 'y')], '"there"'],
    ['a hard link through it', [tarHardLink('there/x', 'kept')], '"there"'],
    ['a hard link to what is there but not in the archive', [tarHardLink('h', 'mine')], 'no earlier file'],
    ['a hard link out', [tarHardLink('h', '../outside/secret')], 'goes up'],
    ['a hard link to an absolute path', [tarHardLink('h', '/etc/passwd')], 'absolute'],
    ['a hard link to a later file', [tarHardLink('h', 'later'), { name: 'later' }], 'no earlier file'],
    ['a hard link to a directory', [tarHardLink('h', 'new')], 'no earlier file'],
    [
      'a hard link to a symlink, moved so that it leads out',
      [tarSymlink('new/l', '../kept'), tarHardLink('h', 'new/l')],
      'out',
    ],
    ['a file in the place of a directory that is there', [{ name: 'dir' }], '"dir"'],
    ['a symlink in its place', [tarSymlink('dir', 'kept')], '"dir"'],
    ['a hard link in its place', [tarHardLink('dir', 'kept')], '"dir"'],
    ['a file in the place of a directory of the archive', [{ name: 'new' }], '"new"'],
    ['a directory in the place of a file that is there', [tarDirectory('mine')], '"mine"'],
    ['a directory in the place of a file of the archive', [tarDirectory('kept')], '"kept"'],
    ['a file below a file of the archive', [{ name: 'new/file/x' }], '"new/file"'],
    ['a file below one that is there', [{ name: 'mine/x' }], '"mine"'],
    ['a wrong checksum', [{ checksum: '000000\0 ' }], 'checksum'],
    ['a sparse file', [{ type: 'S' }], 'sparse'],
  ])('%s', async (_what, members, reason) => {
    await using place = await extractionPlace();
    await writeTree(place.target, {
      kept: 'old',
      mine: 'mine',
      'dir/file': 'x',
      there: { link: '../outside' },
    });
    const before = await place.look();
    for (const bytes of [tarball(...good, ...members), gzipSync(tarball(...good, ...members))]) {
      const refusal = place.extract(bytes);
      await expect(refusal).rejects.toMatchObject({ kind: 'invalid-argument', code: 'INVALID_ARCHIVE' });
      await expect(refusal).rejects.toThrow(reason);
      expect(await place.look()).toEqual(before);
    }
  });

  test('an owner that is none', async () => {
    await using place = await extractionPlace();
    const bytes = tarball({ uid: base256(2n ** 40n, 8) });
    await expect(place.extract(bytes, { preserveOwner: true })).rejects.toMatchObject({
      code: 'INVALID_ARCHIVE',
    });
  });

  test('what was cut off at any block, as it is and packed; the target is not even made', async () => {
    await using place = await extractionPlace();
    const bytes = tarball(
      tarDirectory('d/'),
      { name: 'd/a', content: 'x'.repeat(1_500) },
      paxHeader({ mtime: '1.5' }),
      tarSymlink('d/l', 'a'),
      tarHardLink('d/b', 'd/a'),
      { name: 'new' },
    );
    const before = await place.look();
    const target = join(place.target, 'not/yet');
    for (let length = 0; length < bytes.length; length += 512) {
      const cut = place.extract(bytes.subarray(0, length), { directory: target });
      await expect(cut, `${length} bytes`).rejects.toMatchObject({ code: 'INVALID_ARCHIVE' });
      expect(await place.look()).toEqual(before);
    }
    const packed = gzipSync(bytes);
    for (let length = 0; length < packed.length; length += 1) {
      const cut = place.extract(packed.subarray(0, length), { directory: target });
      await expect(cut, `${length} packed bytes`).rejects.toMatchObject({ code: 'INVALID_ARCHIVE' });
    }
    expect(await place.look()).toEqual(before);
  });

  test('gzip with a wrong checksum, which comes behind the last byte', async () => {
    await using place = await extractionPlace();
    const before = await place.look();
    const packed = gzipSync(tarball({ name: 'a', content: 'x'.repeat(5_000) }));
    packed.writeUInt8(packed.readUInt8(packed.length - 8) ^ 1, packed.length - 8);
    await expect(place.extract(packed)).rejects.toMatchObject({ code: 'INVALID_ARCHIVE' });
    expect(await place.look()).toEqual(before);
  });

  test('a source that fails in the middle', async () => {
    await using place = await extractionPlace();
    const before = await place.look();
    async function* source(packed: boolean): AsyncGenerator<Buffer> {
      const bytes = tarball({ name: 'a', content: 'x'.repeat(5_000) });
      yield (packed ? gzipSync(bytes) : bytes).subarray(0, packed ? 60 : 4_000);
      throw new Error('the client left');
    }
    await expect(place.extract(source(false))).rejects.toThrow('the client left');
    await expect(place.extract(source(true))).rejects.toThrow('the client left');
    expect(await place.look()).toEqual(before);
  });

  test('a target that is a file', async () => {
    await using place = await extractionPlace();
    writeFileSync(join(place.target, 'file'), '');
    const refusal = place.extract(tarball({}), { directory: join(place.target, 'file') });
    await expect(refusal).rejects.toMatchObject({ kind: 'invalid-argument' });
  });

  test('a full disk: all is taken back', async ({ skip }) => {
    await using place = await extractionPlace();
    const mountPoint = join(place.target, 'small');
    mkdirSync(mountPoint);
    await using mount = await mountTmpfs(mountPoint, '1m');
    if (!mount) return skip('the machine refuses mounts');
    const bytes = tarball(
      tarDirectory('d'),
      { name: 'd/a', content: 'x'.repeat(500_000) },
      { name: 'd/b', content: 'y'.repeat(900_000) },
    );
    await expect(place.extract(bytes, { directory: mount.path })).rejects.toMatchObject({ code: 'ENOSPC' });
    expect(readdirSync(mount.path)).toEqual([]);
  });
});
