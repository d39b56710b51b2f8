import { join } from 'node:path';
import type { FileCalls } from './file-calls.ts';

/**
 * Makes a directory with all its parents, 0777 without the umask each. Gives those that were not there before, parents
 * first. The path is absolute and clean.
 */
export async function makeDirectories(path: string, calls: FileCalls): Promise<string[]> {
  const first = await calls.mkdirs(path);
  if (first === undefined) return [];
  const made = [first];
  for (const name of path.slice(first.length).split('/')) {
    if (name !== '') made.push(join(made.at(-1) ?? first, name));
  }
  return made;
}
