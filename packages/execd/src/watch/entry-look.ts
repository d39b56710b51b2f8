import type { Stats } from 'node:fs';
import type { FileCalls } from '../filesystem/file-calls.ts';
import { errorCode } from '../os/errno.ts';
import { markOf } from './entry-mark.ts';
import type { EntryMark } from './entry-mark.ts';

/** What stands at a path now: undefined for nothing, `unknown` where one may not look. A promise only where it is needed. */
export function lookAt(
  calls: FileCalls,
  path: string,
): EntryMark | 'unknown' | undefined | Promise<EntryMark | 'unknown' | undefined> {
  try {
    const found = calls.lstat(path);
    return found instanceof Promise ? found.then(seen, unseen) : seen(found);
  } catch (error) {
    return unseen(error);
  }
}

function seen(stats: Stats | undefined): EntryMark | undefined {
  return stats && markOf(stats);
}

function unseen(error: unknown): 'unknown' | undefined {
  // A directory on the way to it has become a file.
  return errorCode(error) === 'ENOTDIR' || errorCode(error) === 'ENOENT' ? undefined : 'unknown';
}
