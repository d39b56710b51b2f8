import { dirname } from 'node:path';
import { mkdir, stat } from 'node:fs/promises';
import { errorCode } from './errno.ts';

type Awaitable<T> = T | Promise<T>;

/** The calls that directories are made with; `stat` gives undefined for what is missing. */
export interface DirectoryCalls {
  stat(path: string): Awaitable<{ isDirectory(): boolean } | undefined>;
  mkdir(path: string): Awaitable<unknown>;
}

const pooled: DirectoryCalls = {
  mkdir: (path) => mkdir(path),
  stat: (path) =>
    stat(path).catch((error: unknown) => {
      if (errorCode(error) === 'ENOENT') return undefined;
      throw error;
    }),
};

/**
 * Makes a directory with all its parents, 0777 without the umask each. Gives those that were not there before, parents
 * first. The path is absolute and clean. Rejects with the system's error.
 */
export async function makeDirectories(path: string, calls: DirectoryCalls = pooled): Promise<string[]> {
  // Not the system library's recursive mkdir: it never returns where nothing can be made, below /proc for one.
  const missing: string[] = [];
  for (let parent = path; !(await isThere(parent, calls)); parent = dirname(parent)) missing.push(parent);
  const made: string[] = [];
  for (const directory of missing.reverse()) if (await make(directory, calls)) made.push(directory);
  return made;
}

/** Throws when something else stands there. */
async function isThere(path: string, calls: DirectoryCalls): Promise<boolean> {
  const stats = await calls.stat(path);
  if (stats === undefined) return false;
  if (stats.isDirectory()) return true;
  throw Object.assign(new Error(`ENOTDIR: mkdir ${path}`), { code: 'ENOTDIR', syscall: 'mkdir', path });
}

/** False when somebody else was quicker. */
async function make(path: string, calls: DirectoryCalls): Promise<boolean> {
  try {
    await calls.mkdir(path);
    return true;
  } catch (error) {
    if (errorCode(error) === 'EEXIST' && (await isThere(path, calls))) return false;
    throw error;
  }
}
