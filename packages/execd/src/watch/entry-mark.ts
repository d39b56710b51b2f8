import type { Stats } from 'node:fs';
import type { FileType } from '../filesystem/walk.ts';
import { typeOf } from '../filesystem/walk.ts';

/**
 * What is remembered of an entry, in one small integer, because there are thousands of them: the type in the low two
 * bits, above them a hash of which file it is. A file keeps its mark when it is renamed, and a new file has another one
 * even when the system gives it the inode number of one that was just removed.
 */
export type EntryMark = number;

const TYPES: readonly FileType[] = ['file', 'directory', 'symlink', 'other'];
const TYPE_MASK = 3;
/** The least mark that tells which file it is. */
const IDENTIFIED = 4;

const numbers = new Float64Array(3);
const words = new Uint32Array(numbers.buffer);

/** The mark of a file that was looked at. */
export function markOf(stats: Stats): EntryMark {
  numbers[0] = stats.dev;
  numbers[1] = stats.ino;
  // Some file systems do not know when a file was made. A directory is written to whenever something in it changes.
  numbers[2] = stats.birthtimeMs || (stats.isDirectory() ? 0 : stats.mtimeMs);
  let hash = 0;
  for (const word of words) hash = mixed(hash ^ word);
  return ((hash >>> 4 || 1) << 2) | TYPES.indexOf(typeOf(stats));
}

/** A mark of something of which only the type is known. */
export function markOfType(type: FileType): EntryMark {
  return TYPES.indexOf(type);
}

/** What it is the mark of. */
export function typeOfMark(mark: EntryMark): FileType {
  return TYPES[mark & TYPE_MASK] ?? 'other';
}

/** Whether both are the same file, as far as it is known. */
export function isSameFile(one: EntryMark, other: EntryMark): boolean {
  if (one === other) return true;
  return (one & TYPE_MASK) === (other & TYPE_MASK) && (one < IDENTIFIED || other < IDENTIFIED);
}

/** The finalizer of MurmurHash3. */
function mixed(value: number): number {
  let hash = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
