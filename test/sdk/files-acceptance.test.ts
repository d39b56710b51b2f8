import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { collect, directoryIn } from '../support/sdk-files.ts';
import type { SdkDirectory } from '../support/sdk-files.ts';
import { sharedSandbox } from '../support/shared-sandbox.ts';

// Contract §18, "Files": what the official end-to-end suites do, line by line, with the SDK's calls alone.

const isRoot = process.getuid?.() === 0;
/** So that two times of change differ, as the suites have it. */
const PAUSE_MS = 50;
const BASE = 'execd file acceptance: the quick brown fox jumps, 55 b\n';

const { connect } = sharedSandbox();

async function infoOf({ files }: SdkDirectory, path: string) {
  const info = (await files.getFileInfo([path]))[path];
  if (!info) throw new Error(`no info on ${path}`);
  return info;
}

test('contract §18: directories of mode 755 and 644 read back', async () => {
  await using box = await connect();
  const directory = await directoryIn(box);
  const paths = [`${directory.path}/seven`, `${directory.path}/six`] as const;
  await directory.files.createDirectories([
    { path: paths[0], mode: 755 },
    { path: paths[1], mode: 644 },
  ]);
  expect(await infoOf(directory, paths[0])).toMatchObject({ type: 'directory', mode: 755 });
  expect(await infoOf(directory, paths[1])).toMatchObject({ type: 'directory', mode: 644 });
});

test('contract §18: files written for nobody and root, with modes 644 and 755: size, owner, group, mode, times', async ({
  skip,
}) => {
  skip(!isRoot, 'only root can give a file away');
  await using box = await connect();
  const directory = await directoryIn(box);
  const { files, path } = directory;
  await files.writeFiles([
    { path: `${path}/one`, data: BASE, mode: 644 },
    {
      path: `${path}/two`,
      data: new TextEncoder().encode(BASE),
      mode: 755,
      owner: 'nobody',
      group: 'nogroup',
    },
    { path: `${path}/three`, data: new Blob([BASE]).stream(), mode: 755, owner: 'root', group: 'root' },
  ]);
  const expected = [
    ['one', { owner: 'root', group: 'root', mode: 644 }],
    ['two', { owner: 'nobody', group: 'nogroup', mode: 755 }],
    ['three', { owner: 'root', group: 'root', mode: 755 }],
  ] as const;
  for (const [name, permission] of expected) {
    const info = await infoOf(directory, `${path}/${name}`);
    expect(info).toMatchObject({ path: `${path}/${name}`, size: 55, ...permission });
    expect(Math.abs(Number(info.createdAt) - Number(info.modifiedAt))).toBeLessThan(2_000);
  }
});

test('contract §18: search * gives exactly the files', async () => {
  await using box = await connect();
  const { files, path } = await directoryIn(box);
  await files.writeFiles(['one', 'two', 'three'].map((name) => ({ path: `${path}/${name}`, data: name })));
  await files.createDirectories([{ path: `${path}/folder` }]);
  const found = await files.search({ path, pattern: '*' });
  expect(new Set(found.map((entry) => entry.path))).toEqual(
    new Set(['one', 'two', 'three'].map((name) => `${path}/${name}`)),
  );
});

test('contract §18: read whole, by range and as a stream', async () => {
  await using box = await connect();
  const { files, path } = await directoryIn(box);
  await files.writeFiles([{ path: `${path}/file`, data: BASE }]);
  expect(await files.readFile(`${path}/file`)).toBe(BASE);
  expect(await files.readFile(`${path}/file`, { range: 'bytes=0-9' })).toBe(BASE.slice(0, 10));
  expect((await collect(files.readBytesStream(`${path}/file`))).toString()).toBe(BASE);
});

test('contract §18: mode and owner are changed together', async ({ skip }) => {
  skip(!isRoot, 'only root can give a file away');
  await using box = await connect();
  const directory = await directoryIn(box);
  const { files, path } = directory;
  await files.writeFiles(['one', 'two'].map((name) => ({ path: `${path}/${name}`, data: name, mode: 644 })));
  await files.setPermissions([
    { path: `${path}/one`, mode: 755, owner: 'nobody', group: 'nogroup' },
    { path: `${path}/two`, mode: 600, owner: 'nobody', group: 'nogroup' },
  ]);
  for (const [name, mode] of [
    ['one', 755],
    ['two', 600],
  ] as const) {
    expect(await infoOf(directory, `${path}/${name}`)).toMatchObject({
      mode,
      owner: 'nobody',
      group: 'nogroup',
    });
  }
});

test('contract §18: overwriting changes size and time', async () => {
  await using box = await connect();
  const directory = await directoryIn(box);
  const { files, path } = directory;
  await files.writeFiles([{ path: `${path}/file`, data: BASE, mode: 644 }]);
  const before = await infoOf(directory, `${path}/file`);
  await delay(PAUSE_MS);
  await files.writeFiles([{ path: `${path}/file`, data: `${BASE}and more`, mode: 644 }]);
  const after = await infoOf(directory, `${path}/file`);
  expect(after.size).toBe(63);
  expect(Number(after.modifiedAt)).toBeGreaterThan(Number(before.modifiedAt));
  expect(await files.readFile(`${path}/file`)).toBe(`${BASE}and more`);
});

test('contract §18: replacing counts 1, 0 and 3, and several files at once', async () => {
  await using box = await connect();
  const { files, path } = await directoryIn(box);
  await files.writeFiles([
    { path: `${path}/a`, data: 'hello world' },
    { path: `${path}/b`, data: 'x x x' },
  ]);
  const counted = async (name: string, oldContent: string) =>
    files.replaceContentsDetailed([{ path: `${path}/${name}`, oldContent, newContent: 'y' }]);
  expect(await counted('a', 'world')).toEqual([{ path: `${path}/a`, replacedCount: 1 }]);
  expect(await counted('a', 'world')).toEqual([{ path: `${path}/a`, replacedCount: 0 }]);
  expect(await counted('b', 'x')).toEqual([{ path: `${path}/b`, replacedCount: 3 }]);
  const both = await files.replaceContentsDetailed([
    { path: `${path}/a`, oldContent: 'hello', newContent: 'bye' },
    { path: `${path}/b`, oldContent: 'y', newContent: 'z' },
  ]);
  expect(Object.fromEntries(both.map((result) => [result.path, result.replacedCount]))).toEqual({
    [`${path}/a`]: 1,
    [`${path}/b`]: 3,
  });
  expect(await files.readFile(`${path}/a`)).toBe('bye y');
});

test('contract §18: plain replacing answers nothing, and the time of change advances', async () => {
  await using box = await connect();
  const directory = await directoryIn(box);
  const { files, path } = directory;
  await files.writeFiles([{ path: `${path}/file`, data: BASE }]);
  const before = await infoOf(directory, `${path}/file`);
  await delay(PAUSE_MS);
  const replaced = await files.replaceContents([
    { path: `${path}/file`, oldContent: 'quick', newContent: 'slow' },
  ]);
  expect(replaced).toBeUndefined();
  const after = await infoOf(directory, `${path}/file`);
  expect(Number(after.modifiedAt)).toBeGreaterThan(Number(before.modifiedAt));
  expect(await files.readFile(`${path}/file`)).toBe(BASE.replace('quick', 'slow'));
});

test('contract §18: a file is moved into a directory that is there', async () => {
  await using box = await connect();
  const { files, path } = await directoryIn(box);
  await files.createDirectories([{ path: `${path}/there` }]);
  await files.writeFiles([{ path: `${path}/file`, data: BASE }]);
  await files.moveFiles([{ src: `${path}/file`, dest: `${path}/there/moved` }]);
  expect(await files.readFile(`${path}/there/moved`)).toBe(BASE);
  await expect(files.readFile(`${path}/file`)).rejects.toMatchObject({ statusCode: 404 });
});

test('contract §18: what was deleted cannot be read; directories go with all that is in them', async () => {
  await using box = await connect();
  const directory = await directoryIn(box);
  const { files, path } = directory;
  await files.writeFiles(
    ['a', 'tree/b', 'tree/deep/c'].map((name) => ({ path: `${path}/${name}`, data: name })),
  );
  await files.deleteFiles([`${path}/a`]);
  await expect(files.readFile(`${path}/a`)).rejects.toMatchObject({ statusCode: 404 });
  await files.deleteDirectories([`${path}/tree`]);
  await expect(files.getFileInfo([`${path}/tree`])).rejects.toMatchObject({ statusCode: 404 });
  const { exitCode } = await box.sandbox.commands.run(`test -e ${path}/tree`);
  expect(exitCode).toBe(1);
});

test('contract §18: what commands write, file calls read, and the other way round', async () => {
  await using box = await connect();
  const { files, path } = await directoryIn(box);
  await box.sandbox.commands.run(`printf 'from a command' > ${path}/a`);
  expect(await files.readFile(`${path}/a`)).toBe('from a command');
  await files.writeFiles([{ path: `${path}/run.sh`, data: '#!/bin/sh\necho from a file\n', mode: 755 }]);
  const { logs } = await box.sandbox.commands.run(`${path}/run.sh`);
  expect(logs.stdout[0]?.text).toBe('from a file');
});

test('contract §18: a directory with mode 0 is made; searching a missing one and replacing in an unknown file are 404', async () => {
  await using box = await connect();
  const { files, path } = await directoryIn(box);
  await files.createDirectories([{ path: `${path}/zero`, mode: 0 }]);
  expect(await files.listDirectory({ path: `${path}/zero` })).toEqual([]);
  await expect(files.search({ path: `${path}/missing`, pattern: '*' })).rejects.toMatchObject({
    statusCode: 404,
  });
  await expect(
    files.replaceContents([{ path: `${path}/missing`, oldContent: 'a', newContent: 'b' }]),
  ).rejects.toMatchObject({ statusCode: 404 });
});
