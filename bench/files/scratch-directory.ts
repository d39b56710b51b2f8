import { mkdir, mkdtemp, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';

const TMPFS = '/dev/shm';
const TMPFS_TYPE = 0x01021994;
/** Left to everybody else, in memory as well as on the tmpfs. */
const SPARE_BYTES = 256 * 1024 * 1024;

/** A directory in memory, so that no disk is measured; disposing removes it with all that is in it. */
export interface ScratchDirectory extends AsyncDisposable {
  readonly path: string;
  /** The path of something in it. */
  at(name: string): string;
}

/** Makes a directory on a tmpfs; rejects unless there is room for so many bytes. */
export async function scratchDirectory(neededBytes: number): Promise<ScratchDirectory> {
  await checkRoom(neededBytes + SPARE_BYTES);
  const path = await mkdtemp(join(TMPFS, 'bench-files-'));
  return {
    path,
    at: (name) => join(path, name),
    [Symbol.asyncDispose]: () => rm(path, { recursive: true }),
  };
}

/** Removes the directory with all that is in it, if it is there, and makes it anew. */
export async function makeEmpty(directory: string): Promise<void> {
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory);
}

async function checkRoom(neededBytes: number): Promise<void> {
  const { type, bavail, bsize } = await statfs(TMPFS);
  if (type !== TMPFS_TYPE) throw new Error(`${TMPFS} is no tmpfs`);
  const freeBytes = Math.min(bavail * bsize, process.availableMemory());
  if (freeBytes >= neededBytes) return;
  throw new Error(
    `${megabytes(neededBytes)} MB of memory needed on ${TMPFS}, free: ${megabytes(freeBytes)} MB`,
  );
}

function megabytes(bytes: number): string {
  return Math.floor(bytes / 1e6).toLocaleString('en-US');
}
