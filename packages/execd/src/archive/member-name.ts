import { invalidArchive } from './invalid-archive.ts';

/** As the system has it: a path, and a name in it. */
const MOST_PATH_BYTES = 4_096;
const MOST_NAME_BYTES = 255;

/**
 * The names on the way to an entry, from a name as an archive has it: empty ones and `.` mean nothing, so that nothing
 * is left of `./`. Throws `INVALID_ARCHIVE` for what does not stay inside, and for what no file can be called.
 */
export function memberNames(name: string): string[] {
  if (name === '') throw invalidArchive('an entry without a name');
  checkPath(name);
  if (name.startsWith('/')) throw invalidArchive('absolute name', name);
  const names = name.split('/').filter((part) => part !== '' && part !== '.');
  if (names.includes('..')) throw invalidArchive('a name that goes up', name);
  if (names.some((part) => Buffer.byteLength(part) > MOST_NAME_BYTES)) {
    throw invalidArchive(`a name of more than ${MOST_NAME_BYTES} bytes`, name);
  }
  return names;
}

/**
 * Throws `INVALID_ARCHIVE` unless the link's target lies in the tree. `..` may only stand in front: behind a name, which
 * may be a link itself, it leads wherever that one leads.
 */
export function checkLinkTarget(target: string, linkNames: readonly string[]): void {
  const link = linkNames.join('/');
  if (target === '') throw invalidArchive('a symbolic link that leads nowhere', link);
  checkPath(target);
  if (target.startsWith('/')) throw invalidArchive('a symbolic link with an absolute target', link);
  const parts = target.split('/').filter((part) => part !== '' && part !== '.');
  const upward = parts.findIndex((part) => part !== '..');
  const ups = upward < 0 ? parts.length : upward;
  if (ups > linkNames.length - 1 || parts.includes('..', ups)) {
    throw invalidArchive('a symbolic link that leads out', link);
  }
}

function checkPath(path: string): void {
  if (path.includes('\0')) throw invalidArchive('a NUL in a name', path);
  if (Buffer.byteLength(path) > MOST_PATH_BYTES) {
    throw invalidArchive(`a name of more than ${MOST_PATH_BYTES} bytes`, path);
  }
}
