import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A file system of its own in memory. Disposing it takes it away, whatever is open in it. */
export interface Mount extends AsyncDisposable {
  readonly path: string;
  /** From now on nothing can be written to it. */
  makeReadOnly(): Promise<void>;
}

/** Mounts a tmpfs on an empty directory; undefined where the machine refuses mounts. */
export async function mountTmpfs(path: string, size: string): Promise<Mount | undefined> {
  try {
    await run('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'execd-test', path]);
  } catch {
    // Without the capability, as in most containers.
    return undefined;
  }
  return {
    path,
    makeReadOnly: async () => void (await run('mount', ['-o', 'remount,ro', path])),
    [Symbol.asyncDispose]: async () => void (await run('umount', ['-l', path])),
  };
}
