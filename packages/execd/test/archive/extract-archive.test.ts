import {
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { chmod, link, lutimes, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { extractionPlace, tarOf } from '../support/archive.ts';
import { readTree, writeTree } from '../support/file-tree.ts';
import { mountTmpfs } from '../support/mounts.ts';
import { seededRandom } from '../support/random.ts';
import { base256, gnuLong, paxHeader, tarMember, tarball, TAR_END } from '../support/tar.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const directory = (name: string, mode = 0o755) => ({ name, type: '5', mode });
const symlink = (name: string, linkName: string) => ({ name, type: '2', linkName });
const hardLink = (name: string, linkName: string) => ({ name, type: '1', linkName });

describe('what comes out', () => {
  test('files, directories and links with their modes and times; counts of them', async () => {
    await using place = await extractionPlace();
    const bytes = tarball(
      { ...directory('d/', 0o2750), mtime: 1_111_111_111 },
      paxHeader({ mtime: '1234567890.123456' }),
      { name: 'd/script', content: 'echo', mode: 0o6755 },
      { name: 'd/empty', mode: 0o600 },
      { ...symlink('d/link', '../d/script'), mtime: 5 },
      hardLink('d/name', 'd/script'),
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
    await place.extract(tarball(directory('closed', 0o555), { name: 'closed/file', content: 'x' }));
    expect(statSync(join(place.target, 'closed')).mode & 0o777).toBe(0o555);
    expect(readFileSync(join(place.target, 'closed/file'), 'utf8')).toBe('x');
  });

  test('a missing target is made, with what the archive says of it', async () => {
    await using place = await extractionPlace();
    const target = join(place.target, 'new/target');
    await place.extract(tarball({ ...directory('./', 0o700), mtime: 99 }, { name: './a' }), {
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
      directory('d', 0o755),
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
      symlink('a', 'b'),
      { name: 'a', content: '2' },
      hardLink('b', 'a'),
      hardLink('b', 'a'),
      hardLink('a', 'b'),
      hardLink('a', 'a'),
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
      { ...directory('d'), ...owner },
      { name: 'd/f', ...owner },
      { ...symlink('d/l', 'f'), ...owner },
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
      { ...directory('d'), mtime: base256(2n ** 52n, 12) },
    );
    expect(await place.extract(bytes)).toMatchObject({ files: 2 });
  });
});

describe('include, exclude and strip', () => {
  const bytes = tarball(
    directory('top/', 0o700),
    { name: 'top/a.ts' },
    directory('top/src', 0o700),
    { name: 'top/src/b.ts' },
    { name: 'top/src/c.js' },
    directory('top/node_modules'),
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
    const archive = tarball(symlink('bin/python', '/usr/bin/python3'), { name: 'a' });
    expect(await place.extract(archive, { exclude: ['bin'] })).toMatchObject({ files: 1, symlinks: 0 });
  });

  test('hard links are stripped at both ends', async () => {
    await using place = await extractionPlace();
    await place.extract(tarball({ name: 'x/a', content: '1' }, hardLink('x/b', './x/a')), { strip: 1 });
    expect(readFileSync(join(place.target, 'b'), 'utf8')).toBe('1');
  });
});

describe('refused, and nothing has changed', () => {
  const good = [
    directory('new/'),
    { name: 'new/file', content: 'x' },
    { name: 'kept', content: 'new' },
  ] as const;

  test.each([
    ['an absolute name', [{ name: '/tmp/x' }], '"/tmp/x"'],
    ['a name that goes up', [{ name: '../outside/secret' }], '"../outside/secret"'],
    ['a directory that goes up', [directory('new/../../outside/made')], 'goes up'],
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
    ['a symlink to an absolute path', [symlink('l', '/etc/passwd')], '"l"'],
    ['a symlink out', [symlink('new/l', '../../outside')], 'leads out'],
    ['a symlink to nowhere', [symlink('l', '')], 'nowhere'],
    ['a long target out', [gnuLong('K', `${'./'.repeat(200)}..`), symlink('l', 'x')], 'leads out'],
    [
      'writing through a symlink of the archive',
      [symlink('l', 'new'), { name: 'l/file' }],
      'through a symbolic link',
    ],
    ['a directory through one', [symlink('l', 'new'), directory('l/d')], 'through a symbolic link'],
    ['a link through one', [symlink('l', 'new'), symlink('l/l', 'x')], 'through a symbolic link'],
    ['a directory in the place of one', [symlink('l', 'new'), directory('l')], 'through a symbolic link'],
    ['a chain of symlinks', [symlink('a', '.'), symlink('b', 'a/..'), { name: 'b/x' }], 'leads out'],
    ['writing through a symlink that is there', [{ name: 'there/x' }], '"there"'],
    ['a directory through one that is there', [directory('there/x')], '"there"'],
    ['a directory in its place', [directory('there')], '"there"'],
    ['a symlink through it', [symlink('there/x', 'y')], '"there"'],
    ['a hard link through it', [hardLink('there/x', 'kept')], '"there"'],
    ['a hard link to what is there but not in the archive', [hardLink('h', 'mine')], 'no earlier file'],
    ['a hard link out', [hardLink('h', '../outside/secret')], 'goes up'],
    ['a hard link to an absolute path', [hardLink('h', '/etc/passwd')], 'absolute'],
    ['a hard link to a later file', [hardLink('h', 'later'), { name: 'later' }], 'no earlier file'],
    ['a hard link to a directory', [hardLink('h', 'new')], 'no earlier file'],
    [
      'a hard link to a symlink, moved so that it leads out',
      [symlink('new/l', '../kept'), hardLink('h', 'new/l')],
      'out',
    ],
    ['a file in the place of a directory that is there', [{ name: 'dir' }], '"dir"'],
    ['a symlink in its place', [symlink('dir', 'kept')], '"dir"'],
    ['a hard link in its place', [hardLink('dir', 'kept')], '"dir"'],
    ['a file in the place of a directory of the archive', [{ name: 'new' }], '"new"'],
    ['a directory in the place of a file that is there', [directory('mine')], '"mine"'],
    ['a directory in the place of a file of the archive', [directory('kept')], '"kept"'],
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
      directory('d/'),
      { name: 'd/a', content: 'x'.repeat(1_500) },
      paxHeader({ mtime: '1.5' }),
      symlink('d/l', 'a'),
      hardLink('d/b', 'd/a'),
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
      directory('d'),
      { name: 'd/a', content: 'x'.repeat(500_000) },
      { name: 'd/b', content: 'y'.repeat(900_000) },
    );
    await expect(place.extract(bytes, { directory: mount.path })).rejects.toMatchObject({ code: 'ENOSPC' });
    expect(readdirSync(mount.path)).toEqual([]);
  });
});

describe('archives of other programs', () => {
  const long = 'a long name, '.repeat(19).slice(0, 240);

  async function sourceTree() {
    const source = await temporaryDirectory();
    await writeTree(source.path, {
      'a/b/c/file': 'content',
      'empty file': '',
      'empty directory': null,
      'ünï/cödé 日本': 'x',
      [`${long}/${long}/${long}`]: 'long',
      ['n'.repeat(255)]: 'longest',
      ['é'.repeat(127)]: 'longest in letters',
      'line\nend': 'x',
      link: { link: 'a/b' },
      'a/dangling': { link: '../missing' },
      large: Buffer.alloc(50_001, 'large'),
    });
    await link(join(source.path, 'a/b/c/file'), join(source.path, 'a/second name'));
    await chmod(join(source.path, 'a/b/c/file'), 0o741);
    await chmod(join(source.path, 'a/b'), 0o511);
    for (const name of Object.keys(await readTree(source.path))) {
      await lutimes(join(source.path, name), 1_000, name.length + 0.5);
    }
    return source;
  }

  test.each([
    [['tar', '--format=ustar', '--exclude=a long*', '--exclude=n*', '--exclude=é*']],
    [['tar', '--format=gnu']],
    [['tar', '--format=oldgnu']],
    [['tar', '--format=posix']],
    [['tar', '--format=v7', '--exclude=a long*', '--exclude=n*', '--exclude=é*']],
    [['tar', '--format=gnu', '-z']],
    [['busybox', 'tar']],
    [['busybox', 'tar', '-z']],
  ] as [[string, ...string[]]][])('%j', async (program) => {
    await using source = await sourceTree();
    await using place = await extractionPlace();
    await place.extract(await tarOf(program, source.path));
    const exact = program.includes('--format=posix');
    const tree = (path: string) =>
      readTree(path).then((entries) => (exact ? entries : withoutTimes(entries)));
    const expected = await tree(source.path);
    for (const name of Object.keys(expected)) {
      const isExcluded =
        program.some((option) => option.startsWith('--exclude')) && /^(?:a long|n|é)/.test(name);
      if (isExcluded) delete expected[name];
    }
    expect(await tree(place.target)).toEqual(expected);
  });
});

/** readTree has nanoseconds; most archives have seconds. */
function withoutTimes(tree: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(tree).map(([name, text]) => [name, text.replace(/^(file \S+ \S+) \d+/, '$1')]),
  );
}

test(
  'mutated archives are extracted or refused, and never touch anything outside',
  { timeout: 60_000 },
  async () => {
    await using place = await extractionPlace();
    const random = seededRandom(20_261_121);
    const seeds = [
      tarball(
        directory('d/'),
        { name: 'd/a', content: 'x'.repeat(600) },
        paxHeader({ path: 'd/päx', mtime: '1.5', size: '3' }),
        { content: 'abc' },
        gnuLong('L', 'd/' + 'long'.repeat(60)),
        { content: 'long' },
        gnuLong('K', 'a'.repeat(150)),
        symlink('d/l', 'x'),
        hardLink('d/h', 'd/a'),
        { name: 'pipe', type: '6' },
      ),
    ] as const;
    const outside = Object.entries(await place.look()).filter(([name]) => !name.startsWith('target'));
    const seen = { extracted: 0, refused: 0 };
    for (let iteration = 0; iteration < 1_500; iteration += 1) {
      const target = join(place.target, String(iteration));
      const bytes = mutated(random, random.pick(seeds));
      try {
        await place.extract(bytes, { directory: target });
        seen.extracted += 1;
      } catch (error) {
        expect(error, `iteration ${iteration}`).toMatchObject({
          code: expect.stringMatching(/^(?:INVALID_ARCHIVE|BODY_TOO_LARGE|ENAMETOOLONG)$/),
        });
        expect(readdirSync(place.target), `iteration ${iteration}`).not.toContain(String(iteration));
        seen.refused += 1;
      }
    }
    const after = await place.look();
    expect(Object.entries(after).filter(([name]) => !name.startsWith('target'))).toEqual(outside);
    expect(Object.keys(after).filter((name) => name.includes('.execd-upload'))).toEqual([]);
    expect(seen.extracted).toBeGreaterThan(50);
    expect(seen.refused).toBeGreaterThan(50);
  },
);

/** A few bytes changed, blocks exchanged, doubled or taken out; checksums right again in most headers. */
function mutated(random: ReturnType<typeof seededRandom>, seed: Buffer): Buffer {
  const blocks = Array.from({ length: seed.length / 512 }, (_, index) =>
    Buffer.from(seed.subarray(index * 512, (index + 1) * 512)),
  );
  const FIELDS = [0, 1, 2, 100, 108, 124, 125, 134, 136, 148, 156, 157, 158, 257, 345] as const;
  const VALUES = [0, 0x20, 0x2e, 0x2f, 0x30, 0x31, 0x35, 0x37, 0x78, 0x80, 0xff] as const;
  for (let change = random.below(3); change >= 0; change -= 1) {
    const index = random.below(blocks.length);
    const block = blocks[index] ?? Buffer.alloc(512);
    const kind = random.below(10);
    if (kind < 6) block[random.pick(FIELDS)] = random.pick(VALUES);
    else if (kind < 7) block.write(random.pick(['../x', '/x', './', 'd/../..', 'd/l/x', '..', 'x\0y']), 0);
    else if (kind < 8) block.write(random.pick(['../x', '/etc', '..', 'd/a', '']), 157);
    else if (kind < 9) blocks.splice(index, 1);
    else blocks.splice(random.below(blocks.length), 0, Buffer.from(block));
  }
  const changed = blocks.map((block) =>
    block.subarray(257, 262).toString() === 'ustar' && random.below(20) > 0 ? resummed(block) : block,
  );
  return Buffer.concat(changed);
}

function resummed(block: Buffer): Buffer {
  const copy = Buffer.from(block).fill(' ', 148, 156);
  const sum = copy.reduce((total, byte) => total + byte, 0);
  copy.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return copy;
}

test('the builder of these tests makes what GNU tar reads', async () => {
  await using place = await extractionPlace();
  symlinkSync('x', join(place.target, 'l'));
  expect(tarMember({ name: 'a' })).toHaveLength(512);
  const made = await tarOf(
    ['tar', '--format=ustar', '--owner=0', '--group=0', '--no-recursion'],
    place.target,
  );
  expect(made.subarray(0, 2)).toEqual(Buffer.from('./'));
});
