import { lstat, stat, unlink } from 'node:fs/promises';
import { ServiceError } from '@pod-agent/daemon-kit/service-error';
import { fileFailureNever404 } from '../filesystem/file-failure.ts';
import { errorCode } from '../os/errno.ts';

/**
 * Removes a file or a link; nothing there is success (contract §7.2). A directory, or a link to one, is refused with
 * 500; a link that leads nowhere is removed.
 */
export async function removeFile(path: string): Promise<void> {
  try {
    await lstat(path);
    if (await isDirectory(path)) throw isADirectory(path);
    await unlink(path);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw fileFailureNever404(error, `error removing file ${path}.`);
  }
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    // A link that leads nowhere, or round and round.
    return false;
  }
}

function isADirectory(path: string): ServiceError {
  const message = `error removing file ${path}. path is a directory: ${path}`;
  return new ServiceError('internal', 'RUNTIME_ERROR', message);
}
