import { rmSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const PREFIX = 'opensandbox-dev-pod.';

/** A directory that goes away with its owner. */
export interface ScratchDirectory extends AsyncDisposable {
  readonly path: string;
  /** Removes it at once, for the last moment of this process. */
  removeNow(): void;
}

/** What one execd finds in its scratch directory. */
export interface ExecdDirectories {
  readonly work: string;
  readonly temporary: string;
}

/** A new directory in the system's temporary one. Other users may pass through it, since commands may run as them. */
export async function makeScratchDirectory(): Promise<ScratchDirectory> {
  const path = await mkdtemp(join(tmpdir(), PREFIX));
  await chmod(path, 0o711);
  return {
    path,
    removeNow: () => rmSync(path, { recursive: true, force: true }),
    [Symbol.asyncDispose]: () => removeDirectory(path),
  };
}

/** Makes `path` with a working directory and, open to every user like /tmp, one for temporary files. */
export async function makeExecdDirectories(path: string): Promise<ExecdDirectories> {
  const directories = { work: join(path, 'work'), temporary: join(path, 'tmp') };
  await mkdir(directories.work, { recursive: true });
  await mkdir(directories.temporary);
  await chmod(path, 0o755);
  await chmod(directories.work, 0o755);
  await chmod(directories.temporary, 0o1777);
  return directories;
}

/** Removes a directory with everything in it. Tries again while a dying process still writes there. */
export async function removeDirectory(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
}
