import { mkdir, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { PrivateDirectory, privateDirectoryCandidates } from '../../src/os/private-directory.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { until } from '../support/until.ts';

test('it is made when it is first needed, only its user may enter it, and it stays the same', async () => {
  await using place = await temporaryDirectory();
  await using directory = new PrivateDirectory([place.path]);
  expect(await readdir(place.path)).toEqual([]);
  const path = await directory.ensure();
  expect(dirname(path)).toBe(place.path);
  const { mode } = await stat(path);
  expect(mode & 0o7777).toBe(0o700);
  expect(await directory.ensure()).toBe(path);
});

test('asked for twice at once, it is made once', async () => {
  await using place = await temporaryDirectory();
  await using directory = new PrivateDirectory([place.path]);
  const [first, second] = await Promise.all([directory.ensure(), directory.ensure()]);
  expect(first).toBe(second);
  expect(await readdir(place.path)).toHaveLength(1);
});

test('it is made again after somebody removed it, or the place that it stood in', async () => {
  await using place = await temporaryDirectory();
  const inner = join(place.path, 'inner');
  await using directory = new PrivateDirectory([inner]);
  await rm(await directory.ensure(), { recursive: true });
  expect((await stat(await directory.ensure())).isDirectory()).toBe(true);
  await rm(inner, { recursive: true });
  const path = await directory.ensure();
  expect((await stat(path)).isDirectory()).toBe(true);
  expect(dirname(path)).toBe(inner);
});

test('the second candidate is taken when the first cannot be written to', async () => {
  await using place = await temporaryDirectory();
  await writeFile(join(place.path, 'file'), '');
  const good = join(place.path, 'good');
  await using directory = new PrivateDirectory([join(place.path, 'file/sub'), good]);
  expect(dirname(await directory.ensure())).toBe(good);
});

test.each([
  { name: 'no candidate at all', candidates: [] },
  { name: 'only bad ones', candidates: ['/dev/null', '/dev/null/x'] },
])('with $name it says why', async ({ candidates }) => {
  await using directory = new PrivateDirectory(candidates);
  await expect(directory.ensure()).rejects.toThrow(Error);
});

test('disposing removes it with all that is in it', async () => {
  await using place = await temporaryDirectory();
  const directory = new PrivateDirectory([place.path]);
  await writeFile(join(await directory.ensure(), 'file'), 'x');
  await directory[Symbol.asyncDispose]();
  expect(await readdir(place.path)).toEqual([]);
});

test('disposing while it is being made leaves nothing', async () => {
  await using place = await temporaryDirectory();
  const directory = new PrivateDirectory([place.path]);
  const making = directory.ensure();
  await directory[Symbol.asyncDispose]();
  await making;
  expect(await readdir(place.path)).toEqual([]);
});

test('what a killed daemon left days ago goes; what is young, ours or not of our making stays', async () => {
  await using place = await temporaryDirectory();
  const twoDaysAgo = new Date(Date.now() - 2 * 24 * 3_600_000);
  const old = ['opensandbox-execd.999999999.abc', 'somebody-elses', `opensandbox-execd.${process.pid}.abc`];
  for (const name of [...old, 'opensandbox-execd.999999998.abc']) {
    await mkdir(join(place.path, name));
    if (old.includes(name)) await utimes(join(place.path, name), twoDaysAgo, twoDaysAgo);
  }
  await using directory = new PrivateDirectory([place.path]);
  const own = await directory.ensure();
  const abandoned = join(place.path, 'opensandbox-execd.999999999.abc');
  let names: string[] = [];
  await until(() => {
    void readdir(place.path).then((found) => (names = found));
    return names.length > 0 && !names.map((name) => join(place.path, name)).includes(abandoned);
  });
  expect(names.map((name) => join(place.path, name)).toSorted()).toEqual(
    ['opensandbox-execd.999999998.abc', 'somebody-elses', `opensandbox-execd.${process.pid}.abc`]
      .map((name) => join(place.path, name))
      .concat(own)
      .toSorted(),
  );
});

test('candidates: the given directory first, none twice, no empty one', () => {
  expect(privateDirectoryCandidates('/data')).toEqual([
    '/data',
    '/tmp',
    '/var/tmp',
    '/dev/shm',
    process.cwd(),
  ]);
  expect(privateDirectoryCandidates('/var/tmp')).toEqual(['/var/tmp', '/tmp', '/dev/shm', process.cwd()]);
  for (const none of ['', undefined]) expect(privateDirectoryCandidates(none)[0]).toBe('/tmp');
});
