import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { memberHeader } from '../../src/archive/tar-member.ts';
import type { TarMember } from '../../src/archive/tar-member.ts';
import { TarReader } from '../../src/archive/tar-reader.ts';
import { TAR_END } from '../support/tar.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const run = promisify(execFile);

const plain: TarMember = {
  type: 'file',
  name: 'file',
  leadsTo: '',
  size: 0,
  mode: 0o644,
  uid: 0,
  gid: 0,
  user: 'root',
  group: 'root',
  modifiedMs: 1_000_000_000_000,
};

/** What the reader makes of a header. */
async function read(member: Partial<TarMember>) {
  const header = memberHeader({ ...plain, ...member });
  async function* source(): AsyncGenerator<Buffer> {
    yield Buffer.concat([header, TAR_END]);
  }
  return await new TarReader(source()).next();
}

describe('names of every length', () => {
  const lengths = Array.from({ length: 320 }, (_, index) => index + 1);

  test('in one piece', async () => {
    for (const length of lengths) {
      const name = 'n'.repeat(length);
      expect(await read({ name, type: 'directory' })).toMatchObject({ name: `${name}/`, type: 'directory' });
      expect(await read({ name, leadsTo: name, type: 'symlink' })).toMatchObject({ name, linkName: name });
    }
  });

  test('with a slash at every place', async () => {
    for (const slash of lengths) {
      const name = `${'d'.repeat(slash)}/${'n'.repeat(321 - slash)}`;
      expect(await read({ name })).toMatchObject({ name, type: 'file' });
    }
  });

  test('with many slashes, and letters of several bytes', async () => {
    for (const length of lengths) {
      const name = `é/ü/${'日/'.repeat(length)}x`;
      expect(await read({ name })).toMatchObject({ name });
    }
  });

  test('those that fit take one block, which every reader understands', () => {
    expect(memberHeader({ ...plain, name: 'n'.repeat(100) })).toHaveLength(512);
    expect(memberHeader({ ...plain, name: `${'d'.repeat(155)}/${'n'.repeat(100)}` })).toHaveLength(512);
  });
});

test.each([
  { size: 8 ** 11 - 1 },
  { size: 8 ** 11 },
  { size: 2 ** 50 },
  { uid: 2_097_152, gid: 4_294_967_294 },
  { mode: 0o7777 },
])('%j is kept', async (member) => {
  expect(await read(member)).toMatchObject(member);
});

test.each([0, 1, -1, 1_732_190_000_123.456, -86_400_000.5, 0o77777777777 * 1_000, 2 ** 34 * 1_000])(
  'modified %d ms after 1970, to the microsecond',
  async (modifiedMs) => {
    expect((await read({ modifiedMs }))?.modified).toBeCloseTo(modifiedMs / 1_000, 5);
  },
);

test('the names of owners are cut to what fits', async () => {
  expect(await read({ user: 'u'.repeat(40), group: 'g'.repeat(40) })).toMatchObject({ name: 'file' });
});

test('GNU tar and busybox read the headers', async () => {
  await using directory = await temporaryDirectory();
  const members = [
    { name: 'large', size: 8 ** 11 },
    { name: `${'é'.repeat(60)}/${'n'.repeat(200)}` },
    { name: 'l', type: 'symlink' as const, leadsTo: 't'.repeat(300) },
  ];
  for (const [index, member] of members.entries()) {
    const file = join(directory.path, String(index));
    await writeFile(file, Buffer.concat([memberHeader({ ...plain, ...member, modifiedMs: 1500 }), TAR_END]));
    const environment = { env: { ...process.env, LC_ALL: 'C.UTF-8', TZ: 'UTC' } };
    // The content of the large one is missing.
    const gnu = await run('tar', ['-tvf', file, '--full-time'], environment).catch((error: unknown) => error);
    const busybox = await run('busybox', ['tar', '-tvf', file], environment).catch((error: unknown) => error);
    for (const listed of [gnu, busybox] as { stdout: string }[]) {
      expect(listed.stdout).toContain('root/root');
      expect(listed.stdout).toContain(member.name);
      expect(listed.stdout).toContain(member.leadsTo ?? String(member.size ?? 0));
    }
    expect((gnu as { stdout: string }).stdout).toContain('1970-01-01 00:00:01');
  }
});
