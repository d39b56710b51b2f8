import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { constants } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { LIMIT_RESOURCE } from '../../src/frames.ts';
import type { SpawnRequest } from '../../src/frames.ts';
import type { SpawnStep } from '../../src/replies.ts';
import { SpawnFailedError } from '../../src/shim-child.ts';
import { childrenOf, openDescriptors } from '../support/processes.ts';
import { program, script } from '../support/requests.ts';
import { Serve } from '../support/serve.ts';
import { publicShimProgram } from '../support/shim-program.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const { errno } = constants;
const PLAIN_USER = { uid: 60_123, gid: 60_124 };
const TRUE = program(['/bin/true']);
const MIB = 1024 * 1024;

/** What of a request fails, where, and why. */
interface Failure {
  readonly name: string;
  readonly change: Partial<SpawnRequest>;
  readonly step: SpawnStep;
  readonly errno: number;
  readonly detail?: number;
}

beforeEach(({ skip }) => {
  skip(process.geteuid?.() !== 0, 'only root can give its identity away');
});

describe('failed', () => {
  test('what cannot be executed or entered, and what the kernel refuses', async () => {
    await using directory = await temporaryDirectory();
    const files = await makeFiles(directory.path);
    const missing = join(directory.path, 'missing');
    await using serve = await Serve.start();
    await expectFailures(serve, [
      { name: 'missing file', change: { file: missing }, step: 'exec', errno: errno.ENOENT },
      { name: 'not executable', change: { file: files.text }, step: 'exec', errno: errno.EACCES },
      { name: 'directory', change: { file: directory.path }, step: 'exec', errno: errno.EACCES },
      { name: 'no interpreter line', change: { file: files.bare }, step: 'exec', errno: errno.ENOEXEC },
      { name: 'empty file', change: { file: files.empty }, step: 'exec', errno: errno.ENOEXEC },
      { name: 'missing interpreter', change: { file: files.lost }, step: 'exec', errno: errno.ENOENT },
      {
        name: 'a path below a file',
        change: { file: `${files.text}/x` },
        step: 'exec',
        errno: errno.ENOTDIR,
      },
      { name: 'empty path', change: { file: '' }, step: 'exec', errno: errno.ENOENT },
      { name: 'not looked up in PATH', change: { file: 'true' }, step: 'exec', errno: errno.ENOENT },
      { name: 'missing cwd', change: { cwd: missing }, step: 'cwd', errno: errno.ENOENT },
      { name: 'cwd is a file', change: { cwd: files.text }, step: 'cwd', errno: errno.ENOTDIR },
      {
        name: 'closed cwd',
        change: { cwd: files.closed, identity: PLAIN_USER },
        step: 'cwd',
        errno: errno.EACCES,
      },
      { name: 'missing root', change: { root: missing }, step: 'root', errno: errno.ENOENT },
      { name: 'root is a file', change: { root: files.text }, step: 'root', errno: errno.ENOTDIR },
      {
        name: 'file outside of the root',
        change: { root: directory.path },
        step: 'exec',
        errno: errno.ENOENT,
      },
      {
        name: 'oom_score_adj',
        change: { oomScoreAdjustment: 1001 },
        step: 'oom_score_adj',
        errno: errno.EINVAL,
      },
      { name: 'uid', change: { identity: { uid: 0xffff_ffff, gid: 0 } }, step: 'uid', errno: errno.EINVAL },
      { name: 'gid', change: { identity: { uid: 0, gid: 0xffff_ffff } }, step: 'gid', errno: errno.EINVAL },
      { name: 'groups', change: { groups: [0xffff_ffff] }, step: 'groups', errno: errno.EINVAL },
    ]);
  });

  test('limits that the kernel refuses, with the resource', async () => {
    await using serve = await Serve.start();
    const refused = (resource: number, soft: bigint, hard: bigint): Failure => ({
      name: `resource ${resource}`,
      change: {
        limits: [
          { resource: 1, soft: undefined, hard: undefined },
          { resource, soft, hard },
        ],
      },
      step: 'limit',
      errno: errno.EINVAL,
      detail: resource,
    });
    await expectFailures(serve, [
      refused(LIMIT_RESOURCE.openFiles, 20n, 10n),
      refused(LIMIT_RESOURCE.cpuSeconds, 2n, 1n),
      refused(999, 1n, 1n),
      { ...refused(LIMIT_RESOURCE.openFiles, 10n, 2n ** 40n), errno: errno.EPERM },
    ]);
  });

  test('arguments above what the kernel takes', async () => {
    await using serve = await Serve.start();
    const tooMany = Array.from({ length: 100 }, () => 'x'.repeat(100_000));
    await expectFailures(serve, [
      { name: 'long', change: { argv: ['x', 'y'.repeat(10 * MIB)] }, step: 'exec', errno: errno.E2BIG },
      { name: 'many', change: { argv: ['x', ...tooMany] }, step: 'exec', errno: errno.E2BIG },
      {
        name: 'environment',
        change: { environment: { A: 'y'.repeat(10 * MIB) } },
        step: 'exec',
        errno: errno.E2BIG,
      },
    ]);
    const enough = tooMany.slice(0, 12);
    const { stdout } = await serve.run(program(['/bin/echo', ...enough]));
    expect(stdout === `${enough.join(' ')}\n`).toBe(true);
  });

  test('without privilege: the first step that needs it', async () => {
    await using shim = await publicShimProgram();
    await using serve = await Serve.start({ program: shim.path, identity: PLAIN_USER });
    const { uid, gid } = PLAIN_USER;
    const raised = { resource: LIMIT_RESOURCE.openFiles, soft: 10n, hard: undefined };
    await expectFailures(serve, [
      { name: 'uid', change: { identity: { uid: 1, gid } }, step: 'uid', errno: errno.EPERM },
      { name: 'gid', change: { identity: { uid, gid: 1 } }, step: 'gid', errno: errno.EPERM },
      {
        name: 'groups',
        change: { groups: [1], identity: { uid: 1, gid: 1 } },
        step: 'groups',
        errno: errno.EPERM,
      },
      { name: 'root', change: { root: '/', groups: [1] }, step: 'root', errno: errno.EPERM },
      {
        name: 'limit',
        change: { limits: [raised], root: '/' },
        step: 'limit',
        errno: errno.EPERM,
        detail: 7,
      },
      { name: 'nice', change: { nice: -5, limits: [raised] }, step: 'nice', errno: errno.EACCES },
      {
        name: 'oom_score_adj',
        change: { oomScoreAdjustment: -1, nice: -5 },
        step: 'oom_score_adj',
        errno: errno.EACCES,
      },
    ]);
    const own = await serve.run(script('id -u; id -g; pwd', { identity: PLAIN_USER, cwd: '/tmp' }));
    expect(own).toMatchObject({ stdout: `${uid}\n${gid}\n/tmp\n`, exit: { value: 0 } });
  });

  test('what waits for a child that was not started is answered', async () => {
    await using serve = await Serve.start();
    const child = serve.connection.spawn(program(['/nowhere'], { stdin: 'pipe' }), () => undefined);
    const write = child.write(Buffer.from('for nobody'));
    child.closeStdin();
    expect(await child.signal(15, 'leader')).toEqual({ reached: 0, left: 0 });
    expect(await child.signal(9, 'tree')).toEqual({ reached: 0, left: 0 });
    await expect(child.started).rejects.toThrow(SpawnFailedError);
    await expect(write).rejects.toThrow('not started');
    child.release();
    expect(await serve.run(script('echo on'))).toMatchObject({ stdout: 'on\n' });
  });
});

/** Tries each, and looks that nothing of it is left. */
async function expectFailures(serve: Serve, failures: readonly Failure[]): Promise<void> {
  await serve.run(TRUE);
  const before = openDescriptors(serve.pid);
  for (const { name, change, step, errno: wanted, detail } of failures) {
    const request = { ...TRUE, ...change };
    const error: unknown = await serve.start(request).catch((thrown: unknown) => thrown);
    expect(error, name).toBeInstanceOf(SpawnFailedError);
    expect(error, name).toMatchObject({ step, errno: wanted });
    if (detail !== undefined) expect(error, name).toMatchObject({ detail });
    expect(childrenOf(serve.pid), name).toEqual([]);
    expect(openDescriptors(serve.pid), name).toBe(before);
  }
  expect((await serve.run(TRUE)).exit).toMatchObject({ how: 'code', value: 0 });
}

async function makeFiles(directory: string) {
  const files = {
    text: join(directory, 'text'),
    bare: join(directory, 'bare'),
    empty: join(directory, 'empty'),
    lost: join(directory, 'lost'),
    closed: join(directory, 'closed'),
  };
  await writeFile(files.text, '#!/bin/sh\n');
  await writeFile(files.bare, 'echo no interpreter\n', { mode: 0o755 });
  await writeFile(files.empty, '', { mode: 0o755 });
  await writeFile(files.lost, '#!/nowhere/sh\n', { mode: 0o755 });
  await mkdir(files.closed, { mode: 0o700 });
  await chmod(directory, 0o755);
  return files;
}
