import fs from 'node:fs';
import type { Stats } from 'node:fs';
import { fileCalls } from '../filesystem/file-calls.ts';
import {
  failureText,
  fileFailure,
  fileNotFound,
  invalidRequest,
  loopFailure,
  notRegular,
} from '../filesystem/file-failure.ts';
import { errorCode } from '../os/errno.ts';

/** A regular file that is open for reading. Disposing it closes it. */
export class OpenFile implements Disposable {
  readonly descriptor: number;
  readonly stats: Stats;

  constructor(descriptor: number, stats: Stats) {
    this.descriptor = descriptor;
    this.stats = stats;
  }

  [Symbol.dispose](): void {
    fs.closeSync(this.descriptor);
  }
}

/**
 * Opens a file to read it, links followed. Throws 404 when it is missing and 400 when it is no regular file, but what
 * `isDirectory` makes of a directory; never waits for the other end of a pipe.
 */
export async function openFile(
  path: string,
  isDirectory: (path: string, stats: Stats) => Error = notRegular,
): Promise<OpenFile> {
  const calls = fileCalls();
  let descriptor: number;
  try {
    descriptor = await calls.open(path, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
  } catch (error) {
    throw openFailure(error, path);
  }
  const stats = await calls.fstat(descriptor);
  if (stats.isFile()) return new OpenFile(descriptor, stats);
  await calls.close(descriptor);
  throw stats.isDirectory() ? isDirectory(path, stats) : notRegular(path, stats);
}

function openFailure(error: unknown, path: string): Error {
  const code = errorCode(error);
  if (code === 'ENOENT')
    return fileNotFound(`file not found. file not found: ${path}: ${failureText(error)}`);
  // What open(2) has for a socket.
  if (code === 'ENXIO') return invalidRequest(`not a regular file: ${path}`);
  return fileFailure(loopFailure(error, path), 'error accessing file');
}
