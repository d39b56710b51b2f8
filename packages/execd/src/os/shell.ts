import { accessSync, constants, statSync } from 'node:fs';
import { join } from 'node:path';

/** The first executable file of that name in the absolute directories of a PATH; undefined when there is none. */
export function findInPath(name: string, path: string | undefined): string | undefined {
  for (const directory of (path ?? '').split(':')) {
    const file = join(directory, name);
    if (directory.startsWith('/') && isExecutableFile(file)) return file;
  }
  return undefined;
}

/** bash, or sh where there is no bash: what runs a command line (contract §3.1). */
export function findShell(path: string | undefined): { name: string; file: string } {
  for (const name of ['bash', 'sh']) {
    const file = findInPath(name, path);
    if (file !== undefined) return { name, file };
  }
  return { name: 'sh', file: '/bin/sh' };
}

function isExecutableFile(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    // Not there, or not ours to run.
    return false;
  }
}
