import { describe, expect, test } from 'vitest';
import { TarReader } from '../../src/archive/tar-reader.ts';
import type { TarEntry } from '../../src/archive/tar-reader.ts';
import type { TarPiece } from '../support/tar.ts';
import { base256, gnuLong, paxHeader, tarMember, tarball, TAR_END } from '../support/tar.ts';

/** The reader uses up what it is given: it gets a copy, in chunks of this size. */
async function* inChunks(bytes: Uint8Array, size: number): AsyncGenerator<Buffer> {
  for (let start = 0; start < bytes.length; start += size)
    yield Buffer.from(bytes.subarray(start, start + size));
}

async function readAll(bytes: Uint8Array, chunkSize = 64 * 1024) {
  const reader = new TarReader(inChunks(bytes, chunkSize));
  const entries: (TarEntry & { readonly content: string })[] = [];
  for (let entry = await reader.next(); entry; entry = await reader.next()) {
    let content = '';
    for (let piece = await reader.content(); piece; piece = await reader.content())
      content += piece.toString('latin1');
    entries.push({ ...entry, content });
  }
  return entries;
}

async function readOne(...members: readonly TarPiece[]) {
  const [entry, ...others] = await readAll(tarball(...members));
  expect(others).toEqual([]);
  return entry;
}

describe('formats', () => {
  test('a file as POSIX has it', async () => {
    const parts = { name: 'a/b', content: 'hello', mode: 0o640, uid: 7, gid: 8, mtime: 1234 };
    expect(await readOne(parts)).toEqual({
      name: 'a/b',
      type: 'file',
      linkName: '',
      size: 5,
      mode: 0o640,
      uid: 7,
      gid: 8,
      modified: 1234,
      content: 'hello',
    });
  });

  test.each([
    ['0', 'a', 'file'],
    ['\0', 'a', 'file'],
    ['\0', 'a/', 'directory'],
    ['7', 'a', 'file'],
    ['5', 'a', 'directory'],
    ['5', 'a/', 'directory'],
    ['D', 'a/', 'directory'],
    ['2', 'a', 'symlink'],
    ['1', 'a', 'hard-link'],
    ['3', 'a', 'other'],
    ['4', 'a', 'other'],
    ['6', 'a', 'other'],
    ['V', 'a', 'other'],
    ['Z', 'a', 'other'],
  ])('type %j with name %j is a %s', async (type, name, expected) => {
    expect(await readOne({ type, name, linkName: 'to' })).toMatchObject({ name, type: expected });
  });

  test('a link has no content, whatever its size says', async () => {
    const entries = await readAll(
      tarball({ type: '1', size: 5, linkName: 'x', name: 'l' }, { name: 'next' }),
    );
    expect(entries.map(({ name, size }) => [name, size])).toEqual([
      ['l', 0],
      ['next', 0],
    ]);
  });

  test('the prefix is part of the name in POSIX format, and something else in that of GNU', async () => {
    expect(await readOne({ prefix: 'dir', name: 'file' })).toMatchObject({ name: 'dir/file' });
    expect(await readOne({ prefix: '12345', name: 'file', magic: 'ustar  \0' })).toMatchObject({
      name: 'file',
    });
    expect(await readOne({ prefix: 'junk', name: 'file', magic: '\0'.repeat(8) })).toMatchObject({
      name: 'file',
    });
  });

  test('a name fills its field to the last byte', async () => {
    const name = 'n'.repeat(100);
    expect(await readOne({ name, prefix: 'p'.repeat(155) })).toMatchObject({
      name: `${'p'.repeat(155)}/${name}`,
    });
  });

  test('long names as GNU has them', async () => {
    const [name, linkName] = ['n/'.repeat(500), 't'.repeat(300)];
    const entry = await readOne(gnuLong('K', linkName), gnuLong('L', name), {
      type: '2',
      name: 'n',
      linkName: 't',
    });
    expect(entry).toMatchObject({ name, linkName });
  });

  test('an extended header of pax overrules the header, for one entry', async () => {
    const records = { path: 'a\nb=c', size: '3', uid: '99999999', gid: '5', mtime: '12.345678' };
    const entries = await readAll(tarball(paxHeader(records), { content: 'abc', size: 0 }, { name: 'next' }));
    expect(entries).toMatchObject([
      { name: 'a\nb=c', content: 'abc', uid: 99_999_999, gid: 5, modified: 12.345678 },
      { name: 'next', content: '', uid: 0 },
    ]);
  });

  test('a global one is in force from there on, but for names and sizes', async () => {
    const bytes = tarball(
      paxHeader({ uid: '7', path: 'all', size: '9' }, 'g'),
      { name: 'a' },
      paxHeader({ uid: '' }),
      {
        name: 'b',
      },
    );
    expect(await readAll(bytes)).toMatchObject([
      { name: 'a', uid: 7, size: 0 },
      { name: 'b', uid: 0 },
    ]);
  });

  test('numbers that octal digits cannot hold', async () => {
    const mtime = base256(-5n, 12);
    expect(await readOne({ uid: base256(2_097_152n, 8), mtime })).toMatchObject({
      uid: 2_097_152,
      modified: -5,
    });
  });

  test('a checksum over signed bytes is right too', async () => {
    const right = tarMember({ name: 'é' });
    const sum = Number.parseInt(right.toString('latin1', 148, 154), 8) - 2 * 256;
    const checksum = `${sum.toString(8).padStart(6, '0')}\0 `;
    expect(await readOne({ name: 'é', checksum })).toMatchObject({ name: 'é' });
  });

  test('an archive of nothing', async () => {
    expect(await readAll(TAR_END)).toEqual([]);
  });

  test('what follows the end is ignored', async () => {
    const bytes = Buffer.concat([tarball({ name: 'a' }), Buffer.alloc(10_000, 'junk')]);
    expect(await readAll(bytes)).toMatchObject([{ name: 'a' }]);
  });
});

describe('in chunks', () => {
  const content = 'content '.repeat(100);
  const bytes = tarball(
    paxHeader({ path: 'é'.repeat(300), mtime: '1.5' }),
    { content },
    gnuLong('L', 'ü'.repeat(90)),
    {
      content: 'x',
    },
  );

  test.each([1, 2, 3, 7, 100, 511, 512, 513, 521, 522, 1000, 4096])('of %d bytes', async (size) => {
    expect(await readAll(bytes, size)).toMatchObject([
      { name: 'é'.repeat(300), modified: 1.5, content },
      { name: 'ü'.repeat(90), content: 'x' },
    ]);
  });

  test('content that nobody wants is passed over', async () => {
    const reader = new TarReader(inChunks(bytes, 700));
    expect(await reader.next()).toMatchObject({ size: content.length });
    expect(await reader.next()).toMatchObject({ name: 'ü'.repeat(90) });
    expect(await reader.next()).toBeUndefined();
  });
});

describe('refused', () => {
  test('every archive that was cut off', async () => {
    const bytes = tarball(
      { name: 'a', content: 'x'.repeat(600) },
      paxHeader({ mtime: '1.5' }),
      gnuLong('L', 'long'),
      {
        type: '5',
        name: 'd/',
      },
    );
    for (let length = 0; length < bytes.length; length += 64) {
      await expect(readAll(bytes.subarray(0, length)), `${length} bytes`).rejects.toMatchObject({
        code: 'INVALID_ARCHIVE',
      });
    }
  });

  test.each([
    ['a wrong checksum', tarball({ checksum: '000001\0 ' }), /wrong checksum/],
    ['no tar at all', Buffer.alloc(2048, 'text'), /wrong checksum/],
    ['a checksum that is none', tarball({ checksum: 'zzzzzz\0 ' }), /wrong checksum/],
    ['a size that is no number', tarball({ size: 'zzz' }), /unreadable size: "file"/],
    ['a negative size', tarball({ size: base256(-512n, 12) }), /negative size/],
    ['a size beyond all numbers', tarball({ size: base256(2n ** 80n, 12) }), /unreadable size/],
    ['a mode that is no number', tarball({ mode: '9999999\0' }), /unreadable mode/],
    ['a time that is no number', tarball({ mtime: 'yesterday' }), /unreadable modified/],
    ['a negative size in pax', tarball(paxHeader({ size: '-1' }), {}), /unreadable size/],
    ['an endless size in pax', tarball(paxHeader({ size: '9'.repeat(40) }), {}), /unreadable size/],
    ['a time in pax that is no number', tarball(paxHeader({ mtime: 'NaN' }), {}), /unreadable mtime/],
    ['a uid in pax that is no number', tarball(paxHeader({ uid: '1e3' }), {}), /unreadable uid/],
    ['records that are none', tarball(tarMember({ type: 'x', content: 'rubbish' }), {}), /malformed/],
    ['a name that is not UTF-8', tarball({ name: Buffer.from([0x61, 0xff]) }), /not UTF-8/],
    ['a name in pax that is not UTF-8', tarball(paxHeader({ path: Buffer.from([0xc3]) }), {}), /not UTF-8/],
    ['a sparse file of GNU', tarball({ type: 'S' }), /sparse/],
    ['a sparse file in pax', tarball(paxHeader({ 'GNU.sparse.realsize': '9' }), {}), /sparse/],
    ['the rest of another volume', tarball({ type: 'M' }), /volumes/],
    ['a single block of zeros', Buffer.concat([Buffer.alloc(512), tarball({})]), /single block/],
    ['an extended header of nothing', tarball(paxHeader({ path: 'x' })), /behind an extended header/],
  ])('%s', async (_what, bytes, reason) => {
    await expect(readAll(bytes)).rejects.toThrow(reason);
    await expect(readAll(bytes)).rejects.toMatchObject({ kind: 'invalid-argument', code: 'INVALID_ARCHIVE' });
  });

  test('too large: an extended header of more than 1 MiB, and more of them than make sense', async () => {
    const large = { kind: 'too-large', code: 'BODY_TOO_LARGE' };
    await expect(readAll(tarball(paxHeader({ comment: 'x'.repeat(1024 * 1024) }), {}))).rejects.toMatchObject(
      large,
    );
    await expect(readAll(tarball({ type: 'L', size: 2 ** 30 }))).rejects.toMatchObject(large);
    const many = Array.from({ length: 17 }, () => paxHeader({ uid: '1' }));
    await expect(readAll(tarball(...many, {}))).rejects.toMatchObject(large);
    expect(await readAll(tarball(...many.slice(1), {}))).toHaveLength(1);
  });

  test('too large: more entries than are taken; what describes them does not count', async () => {
    const three = [{}, paxHeader({ uid: '1' }), {}, {}];
    const reader = new TarReader(inChunks(tarball(...three), 512), 3);
    for (let count = 0; count < 3; count += 1) await reader.next();
    expect(await reader.next()).toBeUndefined();
    const other = new TarReader(inChunks(tarball(...three, {}), 512), 3);
    for (let count = 0; count < 3; count += 1) await other.next();
    await expect(other.next()).rejects.toMatchObject({ kind: 'too-large', code: 'BODY_TOO_LARGE' });
  });
});
