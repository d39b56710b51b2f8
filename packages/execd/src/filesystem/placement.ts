import fs from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { errorCode } from '../os/errno.ts';
import type { FileCalls } from './file-calls.ts';
import { fileExists } from './file-failure.ts';
import { applyAttributes } from './permission.ts';
import type { Attributes } from './permission.ts';

/** Gives a staged file the name of its target too. Throws 412 when there is something already. */
export async function linkNew(staged: string, path: string, calls: FileCalls): Promise<void> {
  try {
    await calls.link(staged, path);
  } catch (error) {
    throw errorCode(error) === 'EEXIST' ? fileExists(path) : error;
  }
}

/** Copies the bytes into the existing file. A reader may see a part of them. */
export async function writeInPlace(
  from: string,
  { path, attributes }: { readonly path: string; readonly attributes: Attributes },
): Promise<void> {
  await pipeline(fs.createReadStream(from), fs.createWriteStream(path, { flags: 'r+', flush: true }));
  await fs.promises.truncate(path, (await fs.promises.stat(from)).size);

  await applyAttributes(path, attributes);
}

/** Whether what stands there can be opened for writing. */
export function isWritable(path: string): boolean {
  try {
    fs.accessSync(path, fs.constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** Makes renames last: fsync(2) of a file says nothing about its entry in the directory. */
export async function syncDirectory(path: string): Promise<void> {
  try {
    await using handle = await fs.promises.open(path);
    await handle.sync();
  } catch (error) {
    // Some file systems cannot sync a directory, and one without read permission cannot be opened.
    if (!['EINVAL', 'EACCES'].includes(errorCode(error) ?? '')) throw error;
  }
}
