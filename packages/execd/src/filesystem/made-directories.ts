import { dirname } from 'node:path';
import type { FileCalls } from './file-calls.ts';

/**
 * Makes a directory with all its parents, 0777 without the umask each. Gives those that were not there before, parents
 * first. The path is absolute and clean. Throws the system's error, and has made nothing then.
 */
export async function makeDirectories(path: string, calls: FileCalls): Promise<string[]> {
  const made: string[] = [];
  try {
    for (const missing of await missingDirectories(path, calls)) {
      if ((await calls.mkdirs(missing)) !== undefined) made.push(missing);
    }
    return made;
  } catch (error) {
    for (const directory of made.toReversed()) await removeEmpty(directory, calls);
    throw error;
  }
}

async function removeEmpty(path: string, calls: FileCalls): Promise<void> {
  try {
    await calls.rmdir(path);
  } catch {
    // What somebody else has put something into stays.
  }
}

/** Parents first. The path itself is always one of them: whether it is a directory shows when it is made. */
async function missingDirectories(path: string, calls: FileCalls): Promise<string[]> {
  const missing = [path];
  for (let parent = dirname(path); parent !== '/' && !(await calls.stat(parent)); parent = dirname(parent)) {
    missing.unshift(parent);
  }
  return missing;
}
