import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  linkSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { UNCHANGED } from '../../src/filesystem/permission.ts';
import { StagedBatch } from '../../src/filesystem/staged-batch.ts';
import type { StagingTarget } from '../../src/filesystem/staged-batch.ts';
import { workplace } from '../support/staging-workplace.ts';

async function put(batch: StagedBatch, target: Partial<StagingTarget> & { path: string }, text: string) {
  const staged = await batch.stage({ attributes: UNCHANGED, ...target });
  await staged.write(Buffer.from(text));
  await batch.seal(staged);
}

describe('until the commit', () => {
  test('nothing is to be seen of the new content, then all of it', async () => {
    await using place = await workplace();
    const [a, b] = [join(place.path, 'a'), join(place.path, 'b')];
    writeFileSync(a, 'old');
    await using batch = new StagedBatch(place.staging);
    await put(batch, { path: a }, 'new a');
    await put(batch, { path: b }, 'new b');
    expect(readFileSync(a, 'utf8')).toBe('old');
    expect(readdirSync(place.path)).not.toContain('b');
    await batch.commit();
    expect([readFileSync(a, 'utf8'), readFileSync(b, 'utf8')]).toEqual(['new a', 'new b']);
    expect(readdirSync(place.path)).toEqual(['a', 'b']);
  });

  test('a batch that is given up leaves nothing: no file, no directory', async () => {
    await using place = await workplace();
    {
      await using batch = new StagedBatch(place.staging);
      await put(batch, { path: join(place.path, 'x/y/z/file') }, 'text');
      await put(batch, { path: join(place.path, 'beside') }, 'text');
      await batch.stage({ path: join(place.path, 'open'), attributes: UNCHANGED });
    }
    expect(readdirSync(place.path)).toEqual([]);
  });

  test('a directory that somebody else put something into stays', async () => {
    await using place = await workplace();
    {
      await using batch = new StagedBatch(place.staging);
      await put(batch, { path: join(place.path, 'x/y/file') }, 'text');
      writeFileSync(join(place.path, 'x/other'), '');
    }
    expect(readdirSync(join(place.path, 'x'))).toEqual(['other']);
  });
});

describe('mode and owner', () => {
  const umask = process.umask();

  test.each<[string, Partial<StagingTarget>, number]>([
    ['a new file has 0777 without the umask', {}, 0o777 & ~umask],
    ['or what new files are to have', { newMode: 0o666 }, 0o666 & ~umask],
    ['a mode that is asked for is exact', { attributes: { ...UNCHANGED, mode: 0o777 } }, 0o777],
    ['also a narrow one', { attributes: { ...UNCHANGED, mode: 0o400 } }, 0o400],
  ])('%s', async (_name, target, mode) => {
    await using place = await workplace();
    const path = join(place.path, 'file');
    await using batch = new StagedBatch(place.staging);
    await put(batch, { path, ...target }, 'text');
    await batch.commit();
    expect(statSync(path).mode & 0o7777).toBe(mode);
  });

  test('an existing file keeps its own, with the special bits', async () => {
    await using place = await workplace();
    const path = join(place.path, 'file');
    writeFileSync(path, 'old');
    chownSync(path, 1234, 4321);
    chmodSync(path, 0o2751);
    await using batch = new StagedBatch(place.staging);
    await put(batch, { path }, 'new');
    await batch.commit();
    const { uid, gid, mode } = statSync(path);
    expect({ uid, gid, mode: mode & 0o7777 }).toEqual({ uid: 1234, gid: 4321, mode: 0o2751 });
  });

  test('owner and group go to the file and to the parents that were made for it, the mode to the file', async () => {
    await using place = await workplace();
    mkdirSync(join(place.path, 'there'));
    await using batch = new StagedBatch(place.staging);
    const attributes = { mode: 0o640, uid: 1234, gid: 4321 };
    await put(batch, { path: join(place.path, 'there/made/deep/file'), attributes }, 'text');
    await batch.commit();
    const owners = ['there', 'there/made', 'there/made/deep', 'there/made/deep/file'].map((name) => {
      const { uid, gid, mode } = statSync(join(place.path, name));
      return [uid, gid, (mode & 0o777).toString(8)];
    });
    const made = (0o777 & ~umask).toString(8);
    expect(owners).toEqual([
      [0, 0, made],
      [1234, 4321, made],
      [1234, 4321, made],
      [1234, 4321, '640'],
    ]);
  });
});

describe('targets', () => {
  test('a link is followed, also one that leads to a file that is not there yet', async () => {
    await using place = await workplace();
    mkdirSync(join(place.path, 'real'));
    writeFileSync(join(place.path, 'real/file'), 'old');
    symlinkSync('real/file', join(place.path, 'link'));
    symlinkSync('real/other', join(place.path, 'dangling'));
    await using batch = new StagedBatch(place.staging);
    await put(batch, { path: join(place.path, 'link') }, 'one');
    await put(batch, { path: join(place.path, 'dangling') }, 'two');
    await batch.commit();
    expect(readFileSync(join(place.path, 'real/file'), 'utf8')).toBe('one');
    expect(readFileSync(join(place.path, 'real/other'), 'utf8')).toBe('two');
    expect(readdirSync(join(place.path, 'real'))).toEqual(['file', 'other']);
  });

  test.each<[string, (path: string) => void, object]>([
    ['a directory', (path) => mkdirSync(path), { kind: 'internal', code: 'RUNTIME_ERROR' }],
    ['a pipe', (path) => execFileSync('mkfifo', [path]), { kind: 'invalid-argument' }],
  ])('%s is refused', async (_name, make, failure) => {
    await using place = await workplace();
    const path = join(place.path, 'target');
    make(path);
    await using batch = new StagedBatch(place.staging);
    await expect(batch.stage({ path, attributes: UNCHANGED })).rejects.toMatchObject(failure);
  });

  test('createOnly refuses what is there, and what came meanwhile', async () => {
    await using place = await workplace();
    const path = join(place.path, 'file');
    await using batch = new StagedBatch(place.staging);
    await put(batch, { path, createOnly: true }, 'mine');
    writeFileSync(path, 'theirs');
    await expect(batch.commit()).rejects.toMatchObject({ code: 'FILE_EXISTS' });
    expect(readFileSync(path, 'utf8')).toBe('theirs');
    await using second = new StagedBatch(place.staging);
    const staged = second.stage({ path, attributes: UNCHANGED, createOnly: true });
    await expect(staged).rejects.toMatchObject({ code: 'FILE_EXISTS', kind: 'precondition-failed' });
  });

  test('a file that is a mount point is written in its place', async ({ skip }) => {
    await using place = await workplace();
    const [source, path] = [join(place.path, 'source'), join(place.path, 'mounted')];
    writeFileSync(source, 'a long old content');
    writeFileSync(path, '');
    try {
      execFileSync('mount', ['--bind', source, path], { stdio: 'pipe' });
    } catch {
      skip(true, 'this machine does not let us mount');
    }
    try {
      const inode = statSync(source).ino;
      await using batch = new StagedBatch(place.staging);
      await put(batch, { path }, 'short');
      await batch.commit();
      expect(readFileSync(source, 'utf8')).toBe('short');
      expect(statSync(source).ino).toBe(inode);
      expect(readdirSync(place.path)).toEqual(['mounted', 'source']);
    } finally {
      execFileSync('umount', [path]);
    }
  });

  test('a writer of one of two names of a file does not change the other', async () => {
    await using place = await workplace();
    const [path, other] = [join(place.path, 'file'), join(place.path, 'other')];
    writeFileSync(path, 'old');
    linkSync(path, other);
    await using batch = new StagedBatch(place.staging);
    await put(batch, { path }, 'new');
    await batch.commit();
    expect([readFileSync(path, 'utf8'), readFileSync(other, 'utf8')]).toEqual(['new', 'old']);
  });
});

test.each(['/dev/shm', undefined])('large contents arrive whole, written to %s', async (medium) => {
  await using place = await workplace();
  const directory = medium === undefined ? place.path : join(medium, `staged-batch-test-${process.pid}`);
  const path = join(directory, 'large');
  try {
    await using batch = new StagedBatch(place.staging);
    const staged = await batch.stage({ path, attributes: UNCHANGED });
    const expected: Buffer[] = [];
    for (let index = 0; index < 300; index += 1) {
      const chunk = Buffer.alloc(1 + ((index * 7919) % 65_536), index);
      expected.push(Buffer.from(chunk));
      await staged.write(chunk);
      // The bytes are the caller's again.
      chunk.fill(0xff);
    }
    await batch.seal(staged);
    await batch.commit();
    expect(readFileSync(path).equals(Buffer.concat(expected))).toBe(true);
  } finally {
    execFileSync('rm', ['-rf', directory]);
  }
});
