import { rm } from 'node:fs/promises';
import { errorCode } from '../os/errno.ts';
import { fileCalls } from './file-calls.ts';
import { walk } from './walk.ts';

/**
 * Removes whatever stands at the path: a file, a link and not its target, a directory with all that is below it, however
 * deep. Something missing is success. Rejects with the system's error; what was removed before it stays removed.
 */
export async function removeTree(path: string): Promise<void> {
  const calls = fileCalls();
  const unlink = (found: string) => unlessMissing(() => calls.unlink(found));
  const rmdir = (found: string) => unlessMissing(() => calls.rmdir(found));
  const stats = await calls.lstat(path);
  if (stats === undefined) return;
  if (!stats.isDirectory()) {
    await unlink(path);
    return;
  }
  await walk(path, {
    visit: (entry) => (entry.type === 'directory' ? undefined : unlink(entry.accessPath)),
    leave: (directory) => rmdirWithStrangers(directory.entryPath, rmdir),
    // An empty one can be removed unread.
    unreadable: (directory) => rmdir(directory.accessPath),
  });
}

/** A name that is no UTF-8 cannot be told to the system as text: what has one is left until here. */
async function rmdirWithStrangers(path: string, rmdir: (path: string) => Promise<void>): Promise<void> {
  try {
    await rmdir(path);
  } catch (error) {
    if (errorCode(error) !== 'ENOTEMPTY') throw error;
    await rm(path, { recursive: true, force: true });
  }
}

async function unlessMissing(remove: () => void | Promise<void>): Promise<void> {
  try {
    await remove();
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
  }
}
