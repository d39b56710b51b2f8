import { chmod, mkdir, readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { startExecd } from '../support/execd.ts';
import {
  EMPTY_SUCCESS,
  PATH_CALLS,
  answerOf,
  failureOf,
  infoOf,
  upload,
  withPaths,
} from '../support/file-calls.ts';
import { openToAll, readTree, writeTree } from '../support/file-tree.ts';
import { mountTmpfs } from '../support/mounts.ts';
import { pair } from '../support/multipart.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const isRoot = process.getuid?.() === 0;
const NO_MOUNT = 'file systems may not be mounted here';

/** A mount of `size` in a directory of its own; what is owned goes onto the stack. */
async function mounted(stack: AsyncDisposableStack, size: string) {
  const directory = stack.use(await temporaryDirectory());
  const mount = await mountTmpfs(directory.path, size);
  return mount && stack.use(mount);
}

test('a full disk: upload is 507, the old content is whole and nothing is left', async ({ skip }) => {
  await using stack = new AsyncDisposableStack();
  const mount = await mounted(stack, '1m');
  if (!mount) return skip(NO_MOUNT);
  const path = `${mount.path}/target`;
  await writeTree(mount.path, { target: 'old' });
  const before = await readTree(mount.path);
  await using execd = await startExecd();
  const big = Buffer.alloc(4 * 1024 * 1024, 'n');
  const forms = [
    pair({ path }, big),
    [...pair({ path, mode: 600 }, 'new'), ...pair({ path: `${mount.path}/made/big` }, big)],
    pair({ path }, big).reverse(),
  ];
  for (const parts of forms) {
    expect(await failureOf(await upload(execd, parts))).toMatchObject({ status: 507, code: 'DISK_FULL' });
    expect(await readTree(mount.path)).toEqual(before);
  }
  expect(await answerOf(await upload(execd, pair({ path }, 'new')))).toEqual(EMPTY_SUCCESS);
  expect(await readFile(path, 'utf8')).toBe('new');
});

test('a full disk: replace is 507 and changes no file of the request', async ({ skip }) => {
  await using stack = new AsyncDisposableStack();
  const mount = await mounted(stack, '1m');
  if (!mount) return skip(NO_MOUNT);
  await writeTree(mount.path, { small: 'a', large: 'a'.repeat(300_000), last: 'a' });
  const before = await readTree(mount.path);
  await using execd = await startExecd();
  const response = await execd.request('POST', '/files/replace', {
    [`${mount.path}/small`]: { old: 'a', new: 'b' },
    [`${mount.path}/large`]: { old: 'a', new: 'longer' },
    [`${mount.path}/last`]: { old: 'a', new: 'b' },
  });
  expect(await failureOf(response)).toMatchObject({ status: 507, code: 'DISK_FULL' });
  expect(await readTree(mount.path)).toEqual(before);
});

test('a full disk: a move to it is 507, the source stays and no half of it is left', async ({ skip }) => {
  await using stack = new AsyncDisposableStack();
  const mount = await mounted(stack, '1m');
  if (!mount) return skip(NO_MOUNT);
  await using directory = await temporaryDirectory();
  await writeTree(directory.path, { 'tree/1': 'x', 'tree/2': 'y'.repeat(4_000_000), 'tree/3': 'z' });
  const before = await readTree(directory.path);
  await using execd = await startExecd();
  const moves = [{ src: `${directory.path}/tree`, dest: `${mount.path}/tree` }];
  const failure = await failureOf(await execd.request('POST', '/files/mv', moves));
  expect(failure).toMatchObject({ status: 507, code: 'DISK_FULL' });
  expect(await readTree(directory.path)).toEqual(before);
  expect(await readTree(mount.path)).toEqual({});
});

const changing = Object.entries(PATH_CALLS).filter(
  ([name]) => /^(?:POST|DELETE)/.test(name) && name !== 'POST /directories',
);

test('a read-only file system: every call that changes something is 403, reading works', async ({ skip }) => {
  await using stack = new AsyncDisposableStack();
  const mount = await mounted(stack, '1m');
  if (!mount) return skip(NO_MOUNT);
  await writeTree(mount.path, { target: 'a', other: 'a' });
  await mount.makeReadOnly();
  const before = await readTree(mount.path);
  await using execd = await startExecd();
  const expected = { status: 403, code: 'READ_ONLY_FILE_SYSTEM' };
  for (const [name, call] of changing) {
    const target = name === 'POST /files/mv to' ? 'new' : 'target';
    const response = await call(execd, `${mount.path}/${target}`, `${mount.path}/other`);
    expect(await failureOf(response), name).toMatchObject(expected);
  }
  const made = await execd.request('POST', '/directories', { [`${mount.path}/a/b`]: {} });
  expect(await failureOf(made)).toMatchObject(expected);
  const uploaded = await upload(execd, pair({ path: `${mount.path}/a/b` }, 'x'));
  expect(await failureOf(uploaded)).toMatchObject(expected);
  expect(await readTree(mount.path)).toEqual(before);
  const downloaded = await execd.request('GET', withPaths('/files/download', `${mount.path}/target`));
  expect(await downloaded.text()).toBe('a');
  expect(await infoOf(execd, `${mount.path}/target`)).toMatchObject({ size: 1 });
});

test('contract §8: a directory that cannot be removed, as a mount point, is 500', async ({ skip }) => {
  await using stack = new AsyncDisposableStack();
  const mount = await mounted(stack, '1m');
  if (!mount) return skip(NO_MOUNT);
  await using execd = await startExecd();
  const failure = await failureOf(await execd.request('DELETE', withPaths('/directories', mount.path)));
  expect([failure.status, failure.code]).toEqual([500, 'RUNTIME_ERROR']);
  expect(failure.message.startsWith(`error removing directory ${mount.path}. `), failure.message).toBe(true);
});

test.for(Object.entries(PATH_CALLS))(
  '%s in a directory that is closed to the user is 403',
  async ([, call], { skip }) => {
    skip(!isRoot, 'only root can act as somebody else');
    await using directory = await temporaryDirectory();
    const d = directory.path;
    await openToAll(d);
    await writeTree(d, { 'closed/target': 'a', existing: 'a' });
    await chmod(`${d}/closed`, 0o700);
    const before = await readTree(d);
    await using execd = await startExecd();
    const response = await call(execd, `${d}/closed/target`, `${d}/existing`, { uid: 65_534 });
    expect(await failureOf(response)).toMatchObject({ status: 403, code: 'PERMISSION_DENIED' });
    expect(await readTree(d)).toEqual(before);
  },
);

const ownersOnly = ['DELETE /files', 'POST /files/permissions', 'POST /files/replace', 'POST /files/upload'];

test.for(ownersOnly)('%s on what belongs to somebody else is 403', async (name, { skip }) => {
  skip(!isRoot, 'only root can act as somebody else');
  await using directory = await temporaryDirectory();
  const d = directory.path;
  await openToAll(d);
  await mkdir(`${d}/roots`);
  await writeTree(d, { 'roots/file': 'a', existing: 'a' });
  const before = await readTree(d);
  await using execd = await startExecd();
  const response = await PATH_CALLS[name]?.(execd, `${d}/roots/file`, `${d}/existing`, { uid: 65_534 });
  if (!response) throw new Error(`no call ${name}`);
  expect(await failureOf(response)).toMatchObject({ status: 403, code: 'PERMISSION_DENIED' });
  expect(await readTree(d)).toEqual(before);
});
