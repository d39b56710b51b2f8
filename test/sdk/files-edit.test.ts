import { chown, readFile, stat, utimes, writeFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { directoryIn, rejected } from '../support/sdk-files.ts';
import { sharedSandbox } from '../support/shared-sandbox.ts';

const isRoot = process.getuid?.() === 0;

const { connect } = sharedSandbox();

const edit = (path: string, oldContent: string, newContent: string) => ({ path, oldContent, newContent });

describe('files.replaceContents', () => {
  test('all occurrences in several files', async () => {
    await using box = await connect();
    const { files, path } = await directoryIn(box);
    await writeFile(`${path}/a`, 'one two one');
    await writeFile(`${path}/größe`, '测 $1');
    await files.replaceContents([edit(`${path}/a`, 'one', '1'), edit(`${path}/größe`, '测', '$&')]);
    expect(await readFile(`${path}/a`, 'utf8')).toBe('1 two 1');
    expect(await readFile(`${path}/größe`, 'utf8')).toBe('$& $1');
  });

  test('the time of change advances, also without a match', async () => {
    await using box = await connect();
    const { files, path } = await directoryIn(box);
    await writeFile(`${path}/file`, 'content');
    await utimes(`${path}/file`, 1_500_000_000, 1_500_000_000);
    await files.replaceContents([edit(`${path}/file`, 'nothing like it', 'x')]);
    const { modifiedAt } = (await files.getFileInfo([`${path}/file`]))[`${path}/file`] ?? {};
    expect(Number(modifiedAt)).toBeGreaterThan(1_500_000_000_000);
    expect(await readFile(`${path}/file`, 'utf8')).toBe('content');
  });

  test('what fails rejects, and nothing is changed', async () => {
    await using box = await connect();
    const { files, path } = await directoryIn(box);
    await writeFile(`${path}/file`, 'a');
    const first = edit(`${path}/file`, 'a', 'b');
    await expect(files.replaceContents([first, edit(`${path}/missing`, 'a', 'b')])).rejects.toMatchObject({
      statusCode: 404,
      error: { code: 'FILE_NOT_FOUND' },
    });
    await expect(files.replaceContents([first, edit(path, 'a', 'b')])).rejects.toMatchObject({
      statusCode: 500,
      error: { code: 'RUNTIME_ERROR' },
    });
    await expect(files.replaceContents([edit(`${path}/file`, '', 'b')])).rejects.toMatchObject(
      rejected(400, 'INVALID_REQUEST_BODY', 'old content must not be empty'),
    );
    expect(await readFile(`${path}/file`, 'utf8')).toBe('a');
  });
});

describe('files.replaceContentsDetailed', () => {
  test('counts by file: one, none, three', async () => {
    await using box = await connect();
    const { files, path } = await directoryIn(box);
    const contents = { one: 'a', none: 'b', three: 'a a a' };
    for (const [name, content] of Object.entries(contents)) await writeFile(`${path}/${name}`, content);
    const results = await files.replaceContentsDetailed(
      Object.keys(contents).map((name) => edit(`${path}/${name}`, 'a', 'c')),
    );
    expect(results.sort((left, right) => left.replacedCount - right.replacedCount)).toEqual([
      { path: `${path}/none`, replacedCount: 0 },
      { path: `${path}/one`, replacedCount: 1 },
      { path: `${path}/three`, replacedCount: 3 },
    ]);
    expect(await readFile(`${path}/three`, 'utf8')).toBe('c c c');
  });

  test('a missing file rejects with 404', async () => {
    await using box = await connect();
    const { files, path } = await directoryIn(box);
    await expect(files.replaceContentsDetailed([edit(`${path}/missing`, 'a', 'b')])).rejects.toMatchObject({
      name: 'SandboxApiException',
      statusCode: 404,
      error: { code: 'FILE_NOT_FOUND' },
    });
  });
});

describe('files.setPermissions', () => {
  test.each([
    [644, 0o644],
    [755, 0o755],
    [7, 0o007],
    [4755, 0o755],
    [0, 0o640],
  ])('mode %i', async (mode, expected) => {
    await using box = await connect();
    const { files, path } = await directoryIn(box);
    await writeFile(`${path}/file`, '', { mode: 0o640 });
    await files.setPermissions([{ path: `${path}/file`, mode }]);
    expect((await stat(`${path}/file`)).mode & 0o7777).toBe(expected);
  });

  test('owner and group, with the mode or without', async ({ skip }) => {
    skip(!isRoot, 'only root can give a file away');
    await using box = await connect();
    const { files, path } = await directoryIn(box);
    await writeFile(`${path}/both`, '', { mode: 0o600 });
    await writeFile(`${path}/owner`, '', { mode: 0o600 });
    await chown(`${path}/owner`, 1_234, 1_235);
    await files.setPermissions([
      { path: `${path}/both`, mode: 644, owner: 'nobody', group: 'nogroup' },
      { path: `${path}/owner`, mode: 0, owner: 'nobody' },
    ]);
    const infos = await files.getFileInfo([`${path}/both`, `${path}/owner`]);
    expect(infos[`${path}/both`]).toMatchObject({ owner: 'nobody', group: 'nogroup', mode: 644 });
    expect(infos[`${path}/owner`]).toMatchObject({ owner: 'nobody', group: '1235', mode: 600 });
  });

  test('a missing file and an unknown user reject', async () => {
    await using box = await connect();
    const { files, path } = await directoryIn(box);
    await writeFile(`${path}/file`, '');
    await expect(files.setPermissions([{ path: `${path}/missing`, mode: 644 }])).rejects.toMatchObject({
      statusCode: 500,
      error: { code: 'RUNTIME_ERROR' },
    });
    const message = `error changing permissions for ${path}/file. failed to lookup user nobody-known: user: unknown user nobody-known`;
    await expect(
      files.setPermissions([{ path: `${path}/file`, mode: 0, owner: 'nobody-known' }]),
    ).rejects.toMatchObject(rejected(500, 'RUNTIME_ERROR', message));
  });
});
