import { mkdir, readFile, readdir, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import type { FileInfo } from '@alibaba-group/opensandbox';
import { dirname } from 'node:path';
import { describe, expect, test } from 'vitest';
import { directoryIn, rejected } from '../support/sdk-files.ts';
import { sharedSandbox } from '../support/shared-sandbox.ts';

const DEFAULT_MODE = 0o777 & ~process.umask();

const { connect } = sharedSandbox();

const below = (root: string, entries: readonly FileInfo[]) =>
  entries.map(({ path }) => path.slice(root.length + 1));

async function writeAll(root: string, names: readonly string[]): Promise<void> {
  for (const name of names) {
    await mkdir(dirname(`${root}/${name}`), { recursive: true });
    await writeFile(`${root}/${name}`, name);
  }
}

describe('files.getFileInfo', () => {
  test('everything there is to know, with dates', async () => {
    await using box = await connect();
    const { files, path } = await directoryIn(box);
    await writeFile(`${path}/file`, 'hello', { mode: 0o640 });
    await utimes(`${path}/file`, 1_500_000_000, 1_500_000_000);
    await symlink('file', `${path}/link`);
    const names = ['file', 'link'].map((name) => `${path}/${name}`);
    const infos = await files.getFileInfo([...names, path]);
    expect(Object.keys(infos).sort()).toEqual([path, ...names].sort());
    const file = infos[`${path}/file`];
    expect(file).toMatchObject({ path: `${path}/file`, type: 'file', size: 5, mode: 640 });
    expect(file?.modifiedAt).toEqual(new Date(1_500_000_000_000));
    expect(Date.now() - Number(file?.createdAt)).toBeLessThan(60_000);
    expect(infos[`${path}/link`]).toMatchObject({ type: 'symlink', size: 4, mode: 777 });
    expect(infos[path]).toMatchObject({ type: 'directory' });
  });

  test('no paths give nothing', async () => {
    await using box = await connect();
    expect(await box.sandbox.files.getFileInfo([])).toEqual({});
  });

  test('a missing path rejects with the message of the contract', async () => {
    await using box = await connect();
    const { files, path } = await directoryIn(box);
    const missing = `${path}/missing`;
    const message = `file not found. file not found: ${missing}: lstat ${missing}: no such file or directory`;
    await expect(files.getFileInfo([path, missing])).rejects.toMatchObject(
      rejected(404, 'FILE_NOT_FOUND', message),
    );
  });
});

describe('files.listDirectory', () => {
  const names = ['.hidden', 'a/1', 'a/b/2', 'a.txt', '测试'];

  test.each([
    [undefined, ['.hidden', 'a', 'a.txt', '测试']],
    [1, ['.hidden', 'a', 'a.txt', '测试']],
    [2, ['.hidden', 'a', 'a/1', 'a/b', 'a.txt', '测试']],
    [10, ['.hidden', 'a', 'a/1', 'a/b', 'a/b/2', 'a.txt', '测试']],
    [0, []],
  ])('depth %s', async (depth, expected) => {
    await using box = await connect();
    const { files, path } = await directoryIn(box);
    await writeAll(path, names);
    const entries = await files.listDirectory({ path, ...(depth === undefined ? {} : { depth }) });
    expect(below(path, entries)).toEqual(expected);
  });

  test('entries are file infos', async () => {
    await using box = await connect();
    const { files, path } = await directoryIn(box);
    await writeAll(path, ['file']);
    const [entry] = await files.listDirectory({ path });
    expect(entry).toEqual((await files.getFileInfo([`${path}/file`]))[`${path}/file`]);
    expect(entry?.modifiedAt).toBeInstanceOf(Date);
  });

  test('what cannot be listed rejects', async () => {
    await using box = await connect();
    const { files, path } = await directoryIn(box);
    await writeAll(path, ['file']);
    await symlink('.', `${path}/link`);
    await expect(files.listDirectory({ path: `${path}/missing` })).rejects.toMatchObject({
      statusCode: 404,
      error: { code: 'FILE_NOT_FOUND' },
    });
    await expect(files.listDirectory({ path: `${path}/file` })).rejects.toMatchObject({
      statusCode: 400,
      message: `path is not a directory: ${path}/file`,
    });
    await expect(files.listDirectory({ path: `${path}/link` })).rejects.toMatchObject({
      statusCode: 400,
      message: `path is a symbolic link, refusing to traverse: ${path}/link`,
    });
    await expect(files.listDirectory({ path, depth: -1 })).rejects.toMatchObject({
      statusCode: 400,
      error: { code: 'INVALID_REQUEST_BODY' },
    });
  });
});

describe('files.search', () => {
  test.each([
    ['*', ['.hidden.ts', 'a.ts', 'b.js', 'src/a.ts', 'src/deep/c.ts']],
    [undefined, ['.hidden.ts', 'a.ts', 'b.js', 'src/a.ts', 'src/deep/c.ts']],
    ['*.js', ['b.js']],
    ['a.*', ['a.ts', 'src/a.ts']],
    ['**/a.ts', ['a.ts', 'src/a.ts']],
    ['src/*.ts', ['src/a.ts']],
    ['{b,c}.?s', ['b.js', 'src/deep/c.ts']],
    ['*.md', []],
  ])('pattern %s', async (pattern, expected) => {
    await using box = await connect();
    const { files, path } = await directoryIn(box);
    await writeAll(path, ['.hidden.ts', 'a.ts', 'b.js', 'src/a.ts', 'src/deep/c.ts']);
    const found = await files.search({ path, ...(pattern === undefined ? {} : { pattern }) });
    expect(below(path, found)).toEqual(expected);
    expect(found.every(({ type, modifiedAt }) => type === 'file' && modifiedAt instanceof Date)).toBe(true);
  });

  test('a bad pattern and a missing root reject', async () => {
    await using box = await connect();
    const { files, path } = await directoryIn(box);
    const message = 'error searching files. invalid pattern [a: syntax error in pattern';
    await expect(files.search({ path, pattern: '[a' })).rejects.toMatchObject(
      rejected(500, 'RUNTIME_ERROR', message),
    );
    await expect(files.search({ path: `${path}/missing`, pattern: '*' })).rejects.toMatchObject({
      statusCode: 404,
      error: { code: 'FILE_NOT_FOUND' },
    });
  });
});

describe('files.createDirectories', () => {
  test.each([
    [755, 0o755],
    [644, 0o644],
    [0, DEFAULT_MODE],
    // The SDK's own default.
    [undefined, 0o755],
  ])('mode %s', async (mode, expected) => {
    await using box = await connect();
    const { files, path } = await directoryIn(box);
    await files.createDirectories([
      { path: `${path}/x/y`, ...(mode === undefined ? {} : { mode }) },
      { path: `${path}/größe\n"2"`, ...(mode === undefined ? {} : { mode }) },
    ]);
    for (const name of ['x/y', 'größe\n"2"']) {
      expect((await stat(`${path}/${name}`)).mode & 0o777).toBe(expected);
    }
    expect((await stat(`${path}/x`)).mode & 0o777).toBe(DEFAULT_MODE);
  });

  test('an existing one stays as it is; a file in its place rejects', async () => {
    await using box = await connect();
    const { files, path } = await directoryIn(box);
    await mkdir(`${path}/there`, { mode: 0o700 });
    await writeAll(path, ['file']);
    await files.createDirectories([{ path: `${path}/there`, mode: 755 }]);
    expect((await stat(`${path}/there`)).mode & 0o777).toBe(0o700);
    await expect(files.createDirectories([{ path: `${path}/file` }])).rejects.toMatchObject({
      statusCode: 500,
      error: { code: 'RUNTIME_ERROR' },
    });
  });
});

describe('files.deleteDirectories and files.deleteFiles', () => {
  test('directories with all that is in them; missing ones are no error', async () => {
    await using box = await connect();
    const { files, path } = await directoryIn(box);
    await writeAll(path, ['a/b/c', 'd/e', 'kept']);
    await files.deleteDirectories([`${path}/a`, `${path}/missing`, `${path}/d`]);
    expect(await readdir(path)).toEqual(['kept']);
  });

  test('files; missing ones are no error, a directory rejects', async () => {
    await using box = await connect();
    const { files, path } = await directoryIn(box);
    await writeAll(path, ['a', 'two words', '测\n"试"', 'folder/x']);
    await files.deleteFiles(['a', 'missing', 'two words', '测\n"试"'].map((name) => `${path}/${name}`));
    expect(await readdir(path)).toEqual(['folder']);
    const folder = `${path}/folder`;
    const message = `error removing file ${folder}. path is a directory: ${folder}`;
    await expect(files.deleteFiles([folder])).rejects.toMatchObject(rejected(500, 'RUNTIME_ERROR', message));
    expect(await readdir(folder)).toEqual(['x']);
  });

  test('no paths delete nothing', async () => {
    await using box = await connect();
    const { files, path } = await directoryIn(box);
    await writeAll(path, ['kept']);
    await files.deleteFiles([]);
    await files.deleteDirectories([]);
    expect(await readdir(path)).toEqual(['kept']);
  });
});

describe('files.moveFiles', () => {
  test('files and directories, into directories that are there or are made', async () => {
    await using box = await connect();
    const { files, path } = await directoryIn(box);
    await writeAll(path, ['a', 'folder/b', 'there/c']);
    await files.moveFiles([
      { src: `${path}/a`, dest: `${path}/there/a` },
      { src: `${path}/folder`, dest: `${path}/new/place/folder` },
    ]);
    expect(await readFile(`${path}/there/a`, 'utf8')).toBe('a');
    expect(await readFile(`${path}/new/place/folder/b`, 'utf8')).toBe('folder/b');
    expect((await readdir(path)).sort()).toEqual(['new', 'there']);
  });

  test('a destination that is there and a source that is not reject', async () => {
    await using box = await connect();
    const { files, path } = await directoryIn(box);
    await writeAll(path, ['a', 'b']);
    const exists = `error accessing file: destination path already exists: ${path}/b`;
    await expect(files.moveFiles([{ src: `${path}/a`, dest: `${path}/b` }])).rejects.toMatchObject(
      rejected(500, 'RUNTIME_ERROR', exists),
    );
    await expect(files.moveFiles([{ src: `${path}/x`, dest: `${path}/y` }])).rejects.toMatchObject({
      statusCode: 404,
      error: { code: 'FILE_NOT_FOUND' },
    });
    expect(await readFile(`${path}/b`, 'utf8')).toBe('b');
  });
});
