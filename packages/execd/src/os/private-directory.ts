import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { lstat, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { makeDirectories } from './make-directories.ts';

/** What the name of a private directory begins with; the number of its process follows. */
const PRIVATE_DIRECTORY_PREFIX = 'opensandbox-execd.';

/** A directory left behind by a daemon that was killed is removed when nothing in it changed for this long. */
const ABANDONED_AFTER_MS = 24 * 3_600_000;

/**
 * A directory that only this user can enter, made when it is first needed and made again when somebody removed it or
 * the place that it stood in. Disposing it removes it.
 */
export class PrivateDirectory implements AsyncDisposable {
  readonly #candidates: readonly string[];
  #path: string | undefined;
  #making: Promise<string> | undefined;

  /** The first candidate that can be written to is taken. */
  constructor(candidates: readonly string[]) {
    this.#candidates = candidates;
  }

  /**
   * Takes over the directory of a daemon that is no more, with what is in it. Rejects when it is somebody else's or gone. Not
   * after `ensure`.
   */
  async adopt(path: string): Promise<string> {
    const name = `${PRIVATE_DIRECTORY_PREFIX}${process.pid}.${randomUUID().slice(0, 8)}`;
    const own = join(dirname(path), name);
    await rename(path, own);
    this.#path = own;
    return own;
  }

  /** The path of the directory, which exists. Rejects when no candidate can be written to. */
  ensure(): Promise<string> {
    this.#making ??= this.#make().finally(() => {
      this.#making = undefined;
    });
    return this.#making;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#making?.catch(() => undefined);
    if (this.#path !== undefined) await rm(this.#path, { recursive: true, force: true });
    this.#path = undefined;
  }

  async #make(): Promise<string> {
    if (this.#path !== undefined && (await isDirectory(this.#path))) return this.#path;
    let failure: unknown = new Error('no directory for command output was given');
    for (const candidate of this.#candidates) {
      try {
        await makeDirectories(resolve(candidate));
        this.#path = await mkdtemp(join(candidate, `${PRIVATE_DIRECTORY_PREFIX}${process.pid}.`));
        void removeAbandoned(candidate);
        return this.#path;
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  }
}

/** Where a private directory may stand, best first; none has to exist. */
export function privateDirectoryCandidates(temporaryDirectory: string | undefined): string[] {
  const candidates = [temporaryDirectory, '/tmp', '/var/tmp', '/dev/shm', process.cwd()];
  return [...new Set(candidates.filter((path) => path !== undefined && path !== ''))] as string[];
}

/** The private directories of this user that stand there, whoever made them: of daemons that run and of some that do not. */
export async function listPrivateDirectories(candidates: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const candidate of candidates) {
    // Missing, or not ours to read.
    for (const name of await readdir(candidate).catch(() => [])) {
      const path = join(candidate, name);
      if (name.startsWith(PRIVATE_DIRECTORY_PREFIX) && (await isOwn(path))) found.push(path);
    }
  }
  return found;
}

/** The type of a file, and what group and others may. */
const FORMAT_AND_OTHERS = constants.S_IFMT | 0o077;

/** Anybody can make a directory of such a name in /tmp, with whatever in it. */
async function isOwn(directory: string): Promise<boolean> {
  try {
    const { uid, mode } = await lstat(directory);
    return uid === process.geteuid?.() && (mode & FORMAT_AND_OTHERS) === constants.S_IFDIR;
  } catch {
    // Gone.
    return false;
  }
}

/** Best effort: another daemon that shares the place may be alive, so only age counts when its pid is not ours to see. */
async function removeAbandoned(parent: string): Promise<void> {
  try {
    for (const name of await readdir(parent)) {
      if (
        !name.startsWith(PRIVATE_DIRECTORY_PREFIX) ||
        name.startsWith(`${PRIVATE_DIRECTORY_PREFIX}${process.pid}.`)
      )
        continue;
      const path = join(parent, name);
      const { mtimeMs } = await stat(path);
      if (Date.now() - mtimeMs > ABANDONED_AFTER_MS) await rm(path, { recursive: true, force: true });
    }
  } catch {
    // Not ours, or already gone.
  }
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    // Missing: it is made anew.
    return false;
  }
}
