import { execFileSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startExecd } from '../support/execd.ts';
import type { Execd } from '../support/execd.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

async function copy(execd: Execd, ...items: object[]): Promise<[number, unknown]> {
  const response = await execd.request('POST', '/files/copy', items);
  const text = await response.text();
  return [response.status, text === '' ? '' : (JSON.parse(text) as unknown)];
}

test('files, links and trees, with their modes; parents are made', async () => {
  await using execd = await startExecd();
  await using directory = await temporaryDirectory();
  const at = (name: string) => join(directory.path, name);
  mkdirSync(at('tree/empty'), { recursive: true, mode: 0o750 });
  writeFileSync(at('tree/file'), 'text', { mode: 0o640 });
  execFileSync('chmod', ['4711', at('tree/file')]);
  symlinkSync('file', at('tree/link'));
  const answer = await copy(
    execd,
    { src: at('tree'), dest: at('new/parent/copy') },
    { src: at('tree/file'), dest: at('file') },
    { src: at('tree/link'), dest: at('link') },
  );
  expect(answer).toEqual([200, '']);
  expect(readdirSync(at('new/parent/copy')).sort()).toEqual(['empty', 'file', 'link']);
  expect(readFileSync(at('new/parent/copy/file'), 'utf8')).toBe('text');
  expect(readlinkSync(at('link'))).toBe('file');
  // Special bits mean something only with their owner.
  expect(statSync(at('file')).mode & 0o7777).toBe(0o711);
  expect(readdirSync(directory.path).sort()).toEqual(['file', 'link', 'new', 'tree']);
});

test('what stands at the destination is 409, unless it is a file that may be overwritten', async () => {
  await using execd = await startExecd();
  await using directory = await temporaryDirectory();
  const at = (name: string) => join(directory.path, name);
  writeFileSync(at('a'), 'a');
  writeFileSync(at('b'), 'b');
  mkdirSync(at('dir'));
  const taken = (path: string) => ({
    code: 'FILE_EXISTS',
    message: `destination path already exists: ${path}`,
  });
  expect(await copy(execd, { src: at('a'), dest: at('b') })).toEqual([409, taken(at('b'))]);
  expect(await copy(execd, { src: at('a'), dest: at('dir'), overwrite: true })).toEqual([
    409,
    taken(at('dir')),
  ]);
  expect(readFileSync(at('b'), 'utf8')).toBe('b');
  expect(await copy(execd, { src: at('a'), dest: at('b'), overwrite: true })).toEqual([200, '']);
  expect(readFileSync(at('b'), 'utf8')).toBe('a');
});

test('a missing source is 404, a copy into itself and a pipe are 400, and nothing is left', async () => {
  await using execd = await startExecd();
  await using directory = await temporaryDirectory();
  const at = (name: string) => join(directory.path, name);
  mkdirSync(at('tree'));
  writeFileSync(at('tree/a'), '');
  execFileSync('mkfifo', [at('tree/pipe')]);
  expect(await copy(execd, { src: at('nothing'), dest: at('x') })).toMatchObject([
    404,
    { code: 'FILE_NOT_FOUND' },
  ]);
  expect(await copy(execd, { src: at('tree'), dest: at('tree/inner') })).toMatchObject([400, {}]);
  expect(await copy(execd, { src: at('tree'), dest: at('copy') })).toMatchObject([400, {}]);
  expect(readdirSync(directory.path)).toEqual(['tree']);
  expect(readdirSync(at('tree')).sort()).toEqual(['a', 'pipe']);
});

test('a copy to another file system is whole too', async () => {
  await using execd = await startExecd();
  await using directory = await temporaryDirectory();
  const target = `/dev/shm/file-copy-test-${process.pid}`;
  try {
    mkdirSync(join(directory.path, 'tree/sub'), { recursive: true });
    writeFileSync(join(directory.path, 'tree/sub/file'), Buffer.alloc(300_000, 'x'));
    expect(await copy(execd, { src: join(directory.path, 'tree'), dest: target })).toEqual([200, '']);
    expect(lstatSync(join(target, 'sub/file')).size).toBe(300_000);
  } finally {
    execFileSync('rm', ['-rf', target]);
  }
  expect(existsSync(target)).toBe(false);
});
