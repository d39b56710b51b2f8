import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Staging, removeOrphans } from '../../src/filesystem/staging.ts';
import { PrivateDirectory } from '../../src/os/private-directory.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const PREFIX = '.execd-upload-AbCd_123-';

/** The private directory of a daemon, with a journal of where it had temporary files. */
function leaveJournal(parent: string, owner: object, lines: readonly string[], mode = 0o700): string {
  const directory = join(parent, 'opensandbox-execd.1.abcdef');
  mkdirSync(directory, { mode });
  writeFileSync(
    join(directory, 'staged'),
    [JSON.stringify(owner), ...lines].map((line) => `${line}\n`).join(''),
  );
  return directory;
}

/** A pid that nobody has. */
function deadPid(): number {
  return spawnSync('true').pid;
}

function leaveFiles(directory: string): void {
  mkdirSync(directory);
  mkdirSync(join(directory, `${PREFIX}copy`));
  for (const name of [`${PREFIX}one`, `${PREFIX}copy/file`, '.execd-upload-part-x', 'file']) {
    writeFileSync(join(directory, name), '');
  }
}

test('what a daemon left that is gone is removed, and nothing else', async () => {
  await using directory = await temporaryDirectory();
  const work = join(directory.path, 'work');
  leaveFiles(work);
  const owner = { pid: deadPid(), startTime: '1', prefix: PREFIX };
  const journal = leaveJournal(directory.path, owner, [JSON.stringify(work), '"/no/such/place"', '"cut o']);
  expect(await removeOrphans([directory.path])).toBe(2);
  expect(readdirSync(work)).toEqual(['.execd-upload-part-x', 'file']);
  expect(readdirSync(journal)).toEqual([]);
});

test('a daemon that is alive keeps its files', async () => {
  await using directory = await temporaryDirectory();
  const work = join(directory.path, 'work');
  mkdirSync(work);
  await using privateDirectory = new PrivateDirectory([directory.path]);
  const staging = new Staging(privateDirectory, []);
  using _use = staging.use();
  await staging.note(work);
  expect(await removeOrphans([directory.path])).toBe(0);
  expect(readdirSync(await privateDirectory.ensure())).toEqual(['staged']);
});

test.each<[string, object, number]>([
  ['that others may write to', { pid: deadPid(), startTime: '1', prefix: PREFIX }, 0o777],
  ['whose prefix would fit any file', { pid: deadPid(), startTime: '1', prefix: '' }, 0o700],
  ['whose prefix is a path', { pid: deadPid(), startTime: '1', prefix: '../../etc' }, 0o700],
  ['without an owner', {}, 0o700],
])('a journal %s is not believed', async (_name, owner, mode) => {
  await using directory = await temporaryDirectory();
  const work = join(directory.path, 'work');
  leaveFiles(work);
  const mask = process.umask(0);
  leaveJournal(directory.path, owner, [JSON.stringify(work)], mode);
  process.umask(mask);
  expect(await removeOrphans([directory.path])).toBe(0);
  expect(readdirSync(work)).toHaveLength(4);
});
