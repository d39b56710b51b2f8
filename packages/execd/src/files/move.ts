import { lstat, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ServiceError } from '@pod-agent/daemon-kit/service-error';
import { copyTree } from '../filesystem/copy.ts';
import { fileCalls } from '../filesystem/file-calls.ts';
import { failureText, fileFailure, fileNotFound } from '../filesystem/file-failure.ts';
import { makeDirectories } from '../os/make-directories.ts';
import { removeTree } from '../filesystem/remove.ts';
import type { Staging } from '../filesystem/staging.ts';
import { errorCode } from '../os/errno.ts';

/**
 * Moves a file, link or directory to a place where nothing is yet; missing parents of the place are made (contract
 * §7.3). To another file system it is copied, with owner, mode and times, and then removed. Throws 404 for a missing
 * source and 500 for a taken destination.
 */
export async function move(source: string, destination: string, staging: Staging): Promise<void> {
  await requireSource(source);
  if (await exists(destination)) throw taken(destination);
  try {
    await makeDirectories(dirname(destination), fileCalls());
    await moveTo(source, destination, staging);
  } catch (error) {
    throw fileFailure(error, 'error accessing file');
  }
}

/** Throws 404 unless something stands there. */
export async function requireSource(source: string): Promise<void> {
  try {
    await lstat(source);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw fileFailure(error, 'error accessing file');
    throw fileNotFound(`file not found. source path not found: ${source}: ${failureText(error)}`);
  }
}

async function moveTo(source: string, destination: string, staging: Staging): Promise<void> {
  try {
    await rename(source, destination);
  } catch (error) {
    if (errorCode(error) !== 'EXDEV') throw error;
    await copyTree(source, destination, 'everything', staging);
    await removeTree(source);
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch {
    // Anything else is found again, and told, by the move itself.
    return false;
  }
}

function taken(destination: string): ServiceError {
  const message = `error accessing file: destination path already exists: ${destination}`;
  return new ServiceError('internal', 'RUNTIME_ERROR', message);
}
