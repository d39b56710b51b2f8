import { errorCode } from '../os/errno.ts';
import { fileCalls } from './file-calls.ts';
import { walk } from './walk.ts';

/**
 * Removes whatever stands at the path: a file, a link and not its target, a directory with all that is below it, however
 * deep. Something missing is success. Rejects with the system's error; what was removed before it stays removed.
 */
export async function removeTree(path: string): Promise<void> {
  const calls = fileCalls();
  const unlink = (found: string | Buffer) => unlessMissing(() => calls.unlink(found));
  const rmdir = (found: string | Buffer) => unlessMissing(() => calls.rmdir(found));
  const stats = await calls.lstat(path);
  if (stats === undefined) return;
  if (!stats.isDirectory()) {
    await unlink(path);
    return;
  }
  await walk(path, {
    visit: (entry) => (entry.type === 'directory' ? undefined : unlink(entry.systemPath)),
    leave: (directory) => rmdir(directory.entryPath),
    // An empty one can be removed unread.
    unreadable: (directory) => rmdir(directory.systemPath),
  });
}

async function unlessMissing(remove: () => void | Promise<void>): Promise<void> {
  try {
    await remove();
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
  }
}
