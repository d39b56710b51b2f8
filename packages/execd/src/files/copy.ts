import { lstat } from 'node:fs/promises';
import type { Stats } from 'node:fs';
import { dirname } from 'node:path';
import { ServiceError } from '@pod-agent/daemon-kit/service-error';
import { copyTree } from '../filesystem/copy.ts';
import { fileCalls } from '../filesystem/file-calls.ts';
import { fileFailure } from '../filesystem/file-failure.ts';
import { makeDirectories } from '../os/make-directories.ts';
import type { Staging } from '../filesystem/staging.ts';
import { errorCode } from '../os/errno.ts';
import { requireSource } from './move.ts';

/**
 * Copies a file, link or directory; missing parents of the destination are made. The copy appears as a whole. What
 * stands at the destination already is 409, unless it is to be overwritten and is no directory.
 */
export async function copy(
  source: string,
  destination: string,
  overwrite: boolean,
  staging: Staging,
): Promise<void> {
  await requireSource(source);
  try {
    const existing = await lstat(destination).catch(undefinedIfMissing);
    if (existing && (!overwrite || existing.isDirectory())) throw taken(destination);
    await makeDirectories(dirname(destination), fileCalls());
    await copyTree(source, destination, 'mode', staging);
  } catch (error) {
    throw fileFailure(error, `error copying ${source} to ${destination}`);
  }
}

function undefinedIfMissing(error: unknown): Stats | undefined {
  if (errorCode(error) === 'ENOENT') return undefined;
  throw error;
}

function taken(destination: string): ServiceError {
  return new ServiceError('conflict', 'FILE_EXISTS', `destination path already exists: ${destination}`);
}
