import { constants, createReadStream, createWriteStream } from 'node:fs';
import type { Stats } from 'node:fs';
import {
  chmod,
  copyFile,
  lchown,
  lstat,
  lutimes,
  mkdir,
  readlink,
  rename,
  stat,
  symlink,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { errorCode } from '../os/errno.ts';
import { invalidRequest } from './file-failure.ts';
import { removeTree } from './remove.ts';
import { stagedName } from './staged-file.ts';
import type { Staging } from './staging.ts';
import { walk } from './walk.ts';

/** What a copy keeps beside the permission bits: nothing, as `cp -r`, or owner and times too, as `cp -a`. */
export type CopyKeeps = 'mode' | 'everything';

const MODE_BITS = 0o7777;
const SPECIAL_BITS = 0o7000;
const PERMISSION_BITS = 0o777;

/**
 * Copies a file, a link as a link, or a directory with all that is below it. The copy is made beside its place and
 * appears as a whole; when something fails nothing is left of it. Pipes, sockets and devices cannot be copied: 400. What
 * cannot be read fails the copy. Rejects with the system's error otherwise. What stands at `to` is replaced when it is
 * no directory.
 */
export async function copyTree(from: string, to: string, keeps: CopyKeeps, staging: Staging): Promise<void> {
  if (`${to}/`.startsWith(`${from}/`)) throw invalidRequest(`cannot copy ${from} into itself: ${to}`);
  const staged = join(dirname(to), stagedName());
  using _use = staging.use();
  await staging.note(dirname(to));
  try {
    await copyInto(from, staged, keeps);
    await rename(staged, to);
  } catch (error) {
    await removeTree(staged).catch(() => undefined);
    throw error;
  }
}

async function copyInto(from: string, to: string, keeps: CopyKeeps): Promise<void> {
  const stats = await lstat(from);
  if (!stats.isDirectory()) {
    await copyEntry(from, to, stats, keeps);
    return;
  }
  await mkdir(to, { mode: 0o700 });
  await walk(from, {
    async visit({ path, systemPath, relativePath, type }) {
      if (typeof systemPath !== 'string') throw invalidRequest(`the name is no UTF-8: ${path}`);
      const target = join(to, relativePath);
      if (type === 'directory') await mkdir(target, { mode: 0o700 });
      else await copyEntry(systemPath, target, await lstat(systemPath), keeps);
    },
    // Last: a directory without write permission could not be filled, and filling it changes its time.
    leave: async ({ accessPath, relativePath }) =>
      setAttributes(join(to, relativePath), await stat(accessPath), keeps),
    unreadable(_directory, error) {
      throw error;
    },
  });
}

async function copyEntry(from: string, to: string, stats: Stats, keeps: CopyKeeps): Promise<void> {
  if (stats.isSymbolicLink()) await symlink(await readlink(from), to);
  else if (stats.isFile()) await copyBytes(from, to, stats);
  else throw invalidRequest(`not a file, directory or link: ${from}`);
  await setAttributes(to, stats, keeps);
}

/** copyFile gives the copy all bits at once: one with setuid would belong to the daemon for a moment. */
async function copyBytes(from: string, to: string, stats: Stats): Promise<void> {
  if ((stats.mode & SPECIAL_BITS) === 0) {
    await copyFile(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
    return;
  }
  await pipeline(createReadStream(from), createWriteStream(to, { flags: 'wx', mode: 0o600 }));
}

async function setAttributes(path: string, stats: Stats, keeps: CopyKeeps): Promise<void> {
  const isLink = stats.isSymbolicLink();
  const hasOwner = keeps === 'everything' && (await giveTo(path, stats));
  // Special bits mean something only with their owner.
  if (!isLink) await chmod(path, stats.mode & (hasOwner ? MODE_BITS : PERMISSION_BITS));
  if (keeps === 'everything') await lutimes(path, stats.atimeMs / 1000, stats.mtimeMs / 1000);
}

/** False for who may not give files away. */
async function giveTo(path: string, { uid, gid }: Stats): Promise<boolean> {
  try {
    await lchown(path, uid, gid);
    return true;
  } catch (error) {
    if (errorCode(error) === 'EPERM') return false;
    throw error;
  }
}
