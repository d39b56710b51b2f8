import { readlinkSync, realpathSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { errorCode } from '../os/errno.ts';

/** As path_resolution(7) has it. */
const LINK_LIMIT = 40;

/** The path with every link in it resolved but the last. Throws the system's error; what is missing is none. */
export function realEntry(path: string): string {
  const name = basename(path);
  if (name === '' || name === '..' || name === '.') return realTarget(path);
  return join(realTarget(dirname(path)), name);
}

/** The path with every link resolved, also of a file that is still to be made. Throws as realEntry does. */
export function realTarget(path: string): string {
  return follow(path, 0);
}

function follow(path: string, links: number): string {
  try {
    return realpathSync.native(path);
  } catch (error) {
    const isMissing = ['ENOENT', 'ENOTDIR'].includes(errorCode(error) ?? '');
    if (!isMissing || links > LINK_LIMIT) throw error;
  }
  // Missing, or below a file: a link to something missing, or a name in a directory that may be missing too.
  const target = linkTarget(path);
  if (target !== undefined) return follow(resolve(follow(dirname(path), links + 1), target), links + 1);
  const parent = dirname(path);
  const name = basename(path);
  // Behind something that does not exist `..` leads nowhere.
  return name === '..' ? dirname(follow(parent, links)) : join(follow(parent, links), name);
}

function linkTarget(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    // No link.
    return undefined;
  }
}
