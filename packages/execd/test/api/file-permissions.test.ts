import { chmod, chown, lstat, stat } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { startExecd } from '../support/execd.ts';
import { EMPTY_SUCCESS, answerOf, failureOf } from '../support/file-calls.ts';
import { readTree, writeTree } from '../support/file-tree.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const isRoot = process.getuid?.() === 0;

test.each([
  [7, 0o007],
  [70, 0o070],
  [400, 0o400],
  [644, 0o644],
  [755, 0o755],
  [777, 0o777],
  [4755, 0o755],
  [1777, 0o777],
  [0, 0o640],
  [null, 0o640],
  [undefined, 0o640],
])('contract §7.4: mode %s makes a file of mode 640 one of %o', async (mode, expected) => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/file`;
  await writeTree(directory.path, { file: '' });
  await chmod(path, 0o640);
  await using execd = await startExecd();
  const response = await execd.request('POST', '/files/permissions', { [path]: { mode } });
  expect(await answerOf(response)).toEqual(EMPTY_SUCCESS);
  expect((await stat(path)).mode & 0o7777).toBe(expected);
});

test.each([[8], [799], [-1], [-755], [7558]])(
  'contract §6: mode %i is 500 and changes nothing',
  async (mode) => {
    await using directory = await temporaryDirectory();
    const path = `${directory.path}/file`;
    await writeTree(directory.path, { file: '' });
    const before = await readTree(directory.path);
    await using execd = await startExecd();
    const failure = await failureOf(await execd.request('POST', '/files/permissions', { [path]: { mode } }));
    expect(failure).toMatchObject({ status: 500, code: 'RUNTIME_ERROR' });
    expect(failure.message.startsWith(`error changing permissions for ${path}. `), failure.message).toBe(
      true,
    );
    expect(await readTree(directory.path)).toEqual(before);
  },
);

test.each([['"755"'], ['7.5'], ['7e2'], ['true'], ['[755]'], ['99999999999999999999']])(
  'contract §1.4: mode %s is 400',
  async (mode) => {
    await using directory = await temporaryDirectory();
    await writeTree(directory.path, { file: '' });
    const before = await readTree(directory.path);
    await using execd = await startExecd();
    const body = `{"${directory.path}/file":{"mode":${mode}}}`;
    const failure = await failureOf(await execd.request('POST', '/files/permissions', body));
    expect([failure.status, failure.code]).toEqual([400, 'INVALID_REQUEST_BODY']);
    expect(await readTree(directory.path)).toEqual(before);
  },
);

test.each([['[]'], ['"text"'], ['{"/a":'], [''], ['{"/a":5}'], ['{"/a":{"owner":5}}']])(
  'contract §7.4: the body %s is 400',
  async (body) => {
    await using execd = await startExecd();
    const failure = await failureOf(await execd.request('POST', '/files/permissions', body));
    expect([failure.status, failure.code]).toEqual([400, 'INVALID_REQUEST_BODY']);
  },
);

test.each([['{}'], ['null']])('contract §7.4: the body %s is a success', async (body) => {
  await using execd = await startExecd();
  expect(await answerOf(await execd.request('POST', '/files/permissions', body))).toEqual(EMPTY_SUCCESS);
});

test('contract §7.4: several paths at once, keys of a permission in any case', async () => {
  await using directory = await temporaryDirectory();
  await writeTree(directory.path, { a: '', b: '', folder: null });
  await using execd = await startExecd();
  const response = await execd.request('POST', '/files/permissions', {
    [`${directory.path}/a`]: { Mode: 600 },
    [`${directory.path}/b`]: { MODE: 604, unknown: 1 },
    [`${directory.path}/folder`]: { mode: 711 },
  });
  expect(await answerOf(response)).toEqual(EMPTY_SUCCESS);
  const modes = ['a', 'b', 'folder'].map(
    async (name) => (await stat(`${directory.path}/${name}`)).mode & 0o777,
  );
  expect(await Promise.all(modes)).toEqual([0o600, 0o604, 0o711]);
});

test('contract §6: a symbolic link is followed', async () => {
  await using directory = await temporaryDirectory();
  await writeTree(directory.path, { file: '', link: { link: 'file' } });
  await using execd = await startExecd();
  const response = await execd.request('POST', '/files/permissions', {
    [`${directory.path}/link`]: { mode: 600 },
  });
  expect(await answerOf(response)).toEqual(EMPTY_SUCCESS);
  expect((await stat(`${directory.path}/file`)).mode & 0o777).toBe(0o600);
});

test.for<[string, Record<string, string | null>, [number, number]]>([
  ['both', { owner: 'nobody', group: 'nogroup' }, [65_534, 65_534]],
  ['the owner alone', { owner: 'nobody' }, [65_534, 1_235]],
  ['the group alone', { group: 'nogroup', owner: null }, [1_234, 65_534]],
  ['empty names', { owner: '', group: '' }, [1_234, 1_235]],
  ['nulls', { owner: null, group: null }, [1_234, 1_235]],
  ['numbers without a name', { owner: '54321', group: '54322' }, [54_321, 54_322]],
  ['root by name', { owner: 'root', group: 'root' }, [0, 0]],
])('contract §7.4: owner and group: %s', async ([, permission, expected], { skip }) => {
  skip(!isRoot, 'only root can give a file away');
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/file`;
  await writeTree(directory.path, { file: '' });
  await chown(path, 1_234, 1_235);
  await using execd = await startExecd();
  const response = await execd.request('POST', '/files/permissions', { [path]: permission });
  expect(await answerOf(response)).toEqual(EMPTY_SUCCESS);
  const { uid, gid } = await stat(path);
  expect([uid, gid]).toEqual(expected);
});

test('contract §6: the owner behind a symbolic link changes, not that of the link', async ({ skip }) => {
  skip(!isRoot, 'only root can give a file away');
  await using directory = await temporaryDirectory();
  await writeTree(directory.path, { file: '', link: { link: 'file' } });
  await using execd = await startExecd();
  const body = { [`${directory.path}/link`]: { owner: 'nobody' } };
  expect(await answerOf(await execd.request('POST', '/files/permissions', body))).toEqual(EMPTY_SUCCESS);
  expect((await stat(`${directory.path}/file`)).uid).toBe(65_534);
  expect((await lstat(`${directory.path}/link`)).uid).toBe(0);
});

test('contract §7.4: an unknown user is 500 with the exact text', async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/file`;
  await writeTree(directory.path, { file: '' });
  await using execd = await startExecd();
  const response = await execd.request('POST', '/files/permissions', {
    [path]: { owner: 'bob-nobody-knows' },
  });
  expect(await failureOf(response)).toEqual({
    status: 500,
    code: 'RUNTIME_ERROR',
    message: `error changing permissions for ${path}. failed to lookup user bob-nobody-knows: user: unknown user bob-nobody-knows`,
  });
});

test.each([
  ['an unknown group', { group: 'no-such-group' }, 'unknown group no-such-group'],
  ['a number that is no id', { owner: '4294967296' }, '4294967296'],
  ['the number that the system takes for no change', { owner: '4294967295' }, '4294967295'],
  ['a negative number', { group: '-1' }, '-1'],
])('contract §7.4: %s is 500 and names it', async (_name, permission, named) => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/file`;
  await writeTree(directory.path, { file: '' });
  const before = await readTree(directory.path);
  await using execd = await startExecd();
  const failure = await failureOf(await execd.request('POST', '/files/permissions', { [path]: permission }));
  expect([failure.status, failure.code]).toEqual([500, 'RUNTIME_ERROR']);
  expect(failure.message.startsWith(`error changing permissions for ${path}. `), failure.message).toBe(true);
  expect(failure.message).toContain(named);
  expect(await readTree(directory.path)).toEqual(before);
});

test('contract §7.4: a missing file is 500, not 404, unless there is nothing to change', async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/missing`;
  await using execd = await startExecd();
  const failure = await failureOf(
    await execd.request('POST', '/files/permissions', { [path]: { mode: 644 } }),
  );
  expect([failure.status, failure.code]).toEqual([500, 'RUNTIME_ERROR']);
  expect(failure.message.startsWith(`error changing permissions for ${path}. `), failure.message).toBe(true);
  const nothing = await execd.request('POST', '/files/permissions', { [path]: { mode: 0 } });
  expect(await answerOf(nothing)).toEqual(EMPTY_SUCCESS);
});
