import {
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { UNCHANGED } from '../../src/filesystem/permission.ts';
import { StagedBatch } from '../../src/filesystem/staged-batch.ts';
import { workplace } from '../support/staging-workplace.ts';

/** A file, a link to it and a second name for it; gives the ticket of the file. */
async function stageAll(batch: StagedBatch, directory: string): Promise<number> {
  const staged = await batch.stage({ path: join(directory, 'file'), attributes: UNCHANGED, replaces: true });
  await staged.write(Buffer.from('text'));
  await batch.seal(staged, 1_234.5);
  const ticket = batch.lastTicket;
  await batch.stageLink({ path: join(directory, 'link'), leadsTo: 'file', owner: UNCHANGED, modified: 99 });
  await batch.stageName(join(directory, 'name'), ticket);
  return ticket;
}

test('links appear with the files, with their times', async () => {
  await using place = await workplace();
  const directory = join(place.path, 'd');
  {
    await using batch = new StagedBatch(place.staging);
    await stageAll(batch, directory);
    expect(readdirSync(directory).filter((name) => !name.startsWith('.execd-upload-'))).toEqual([]);
    await batch.commit();
  }
  expect(readdirSync(directory)).toEqual(['file', 'link', 'name']);
  expect(statSync(join(directory, 'file')).mtimeMs).toBe(1_234_500);
  expect(lstatSync(join(directory, 'link')).mtimeMs).toBe(99_000);
  expect(lstatSync(join(directory, 'name')).ino).toBe(lstatSync(join(directory, 'file')).ino);
  expect(readFileSync(join(directory, 'link'), 'utf8')).toBe('text');
});

test('without a commit nothing is left of them', async () => {
  await using place = await workplace();
  {
    await using batch = new StagedBatch(place.staging);
    await stageAll(batch, join(place.path, 'd'));
  }
  expect(readdirSync(place.path)).toEqual([]);
});

test('what they stand in for is replaced; a link is not followed', async () => {
  await using place = await workplace();
  writeFileSync(join(place.path, 'elsewhere'), 'kept');
  for (const name of ['file', 'link', 'name']) symlinkSync('elsewhere', join(place.path, name));
  await using batch = new StagedBatch(place.staging);
  await stageAll(batch, place.path);
  await batch.commit();
  expect(lstatSync(join(place.path, 'file')).isFile()).toBe(true);
  expect(lstatSync(join(place.path, 'name')).isFile()).toBe(true);
  expect(readFileSync(join(place.path, 'elsewhere'), 'utf8')).toBe('kept');
});

test('a file can get the name that it has: no temporary name is left', async () => {
  await using place = await workplace();
  await using batch = new StagedBatch(place.staging);
  await batch.stageName(join(place.path, 'file'), await stageAll(batch, place.path));
  await batch.commit();
  expect(readdirSync(place.path)).toEqual(['file', 'link', 'name']);
});

test('a failure in the middle of the commit leaves what was placed, and no temporary file', async () => {
  await using place = await workplace();
  {
    await using batch = new StagedBatch(place.staging);
    await stageAll(batch, place.path);
    mkdirSync(join(place.path, 'link'));
    await expect(batch.commit()).rejects.toMatchObject({ code: 'EISDIR' });
  }
  expect(readdirSync(place.path)).toEqual(['file', 'link']);
});
