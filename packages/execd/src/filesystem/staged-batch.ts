import fs from 'node:fs';
import type { Stats } from 'node:fs';
import { dirname } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { errorCode } from '../os/errno.ts';
import { fileCalls } from './file-calls.ts';
import type { FileCalls } from './file-calls.ts';
import { fileExists, loopFailure, notADirectory, notRegular } from './file-failure.ts';
import { realTarget } from './links.ts';
import { makeDirectories } from '../os/make-directories.ts';
import { applyAttributes } from './permission.ts';
import type { Attributes } from './permission.ts';
import { StagedFile } from './staged-file.ts';
import type { Staging } from './staging.ts';
import { TimeSlice } from './time-slice.ts';

const fsync = promisify(fs.fsync);

/** How many files are synced to disk at the same time. */
const SYNC_WIDTH = 8;
/** tmpfs and ramfs, as statfs(2) calls them: there is no disk behind them. */
const MEMORY_FILE_SYSTEMS = new Set([0x0102_1994, 0x8584_58f6]);
const NEW_FILE_MODE = 0o777;
const MODE_BITS = 0o7777;
const SPECIAL_BITS = 0o7000;

const UMASK = process.umask();

/** Where the bytes of a staged file will stand. */
export interface StagingTarget {
  /** Absolute and clean. A symbolic link is followed; missing parents are made, with the file's owner and group. */
  readonly path: string;
  readonly attributes: Attributes;
  /** Mode of a new file whose attributes have none, before the umask takes its part; 0777 when missing. */
  readonly newMode?: number;
  /** Refuse with 412 when there is something already. */
  readonly createOnly?: boolean;
}

/** A file of a batch that waits for the commit. */
interface Waiting {
  readonly staged: StagedFile;
  readonly target: StagingTarget;
  /** What `staged` takes the place of; missing where nothing may be created beside the target. */
  readonly directory: StagingDirectory | undefined;
  /** It was there before the batch, and stays when there is no commit. */
  readonly isAdopted: boolean;
  isPlaced: boolean;
}

interface StagingDirectory {
  readonly path: string;
  readonly isInMemory: boolean;
}

/**
 * Files that appear together or not at all. Each is written to a temporary file beside its target and gets mode, owner
 * and fsync there; `commit` renames all, in order, and syncs each directory once. Disposing a batch that was not
 * committed removes everything that it made. A target keeps mode and owner unless its attributes say otherwise; a new
 * one has 0777 without the umask (contract §7.7) unless told otherwise. A reader of a target sees the old or the new content, never a part.
 * Rejects with the system's errors, and with ServiceErrors for targets that are no regular files.
 */
export class StagedBatch implements AsyncDisposable {
  readonly #calls: FileCalls = fileCalls();
  readonly #slice = new TimeSlice();
  readonly #staging: Staging;
  readonly #use: Disposable;
  readonly #waiting: Waiting[] = [];
  readonly #targets = new Set<string>();
  readonly #directories = new Map<string, StagingDirectory>();
  /** Made for this batch, parents first. */
  readonly #made: string[] = [];
  readonly #syncs = new Set<Promise<void>>();
  #syncFailure: unknown;
  #isCommitted = false;

  constructor(staging: Staging) {
    this.#staging = staging;
    this.#use = staging.use();
  }

  /** A file to write to; `seal` it when it has all its bytes. */
  async stage(wanted: StagingTarget): Promise<StagedFile> {
    const { target, existing } = await this.#inspect(wanted);
    const directory = await this.makeDirectory(dirname(target.path), target.attributes);
    const mode =
      target.attributes.mode ?? (existing ? existing.mode & MODE_BITS : (target.newMode ?? NEW_FILE_MODE));
    const staged = await this.#create(directory, mode, existing && target.path);
    const isBeside = dirname(staged.path) === directory.path;
    this.#waiting.push({
      staged,
      target,
      directory: isBeside ? directory : undefined,
      isAdopted: false,
      isPlaced: false,
    });
    this.#targets.add(target.path);
    if (isBeside) await this.#setAttributes(staged, target.attributes, existing);
    const pause = this.#slice.pause();
    if (pause) await pause;
    return staged;
  }

  /** Takes a file that was written beside its target before. When it rejects the file is still to be closed. */
  async adopt(staged: StagedFile, wanted: StagingTarget): Promise<void> {
    const { target, existing } = await this.#inspect(wanted);
    const directory = await this.makeDirectory(dirname(target.path), target.attributes);
    this.#waiting.push({ staged, target, directory, isAdopted: true, isPlaced: false });
    const mode =
      target.attributes.mode ??
      (existing ? existing.mode & MODE_BITS : (target.newMode ?? NEW_FILE_MODE) & ~UMASK);
    await this.#setAttributes(staged, { ...target.attributes, mode }, existing);
    await this.#calls.fchmod(staged.descriptor, mode);
  }

  /** Ends the writing of the file that was staged last. Its sync goes on while the next ones are written. */
  async seal(staged: StagedFile): Promise<void> {
    const isOnDisk = this.#waiting.at(-1)?.directory?.isInMemory === false;
    if (!isOnDisk) {
      await staged.close();
      return;
    }
    while (this.#syncs.size >= SYNC_WIDTH) await Promise.race(this.#syncs);
    const sync: Promise<void> = staged
      .close(fsync)
      .catch((error: unknown) => {
        this.#syncFailure ??= error;
      })
      .finally(() => this.#syncs.delete(sync));
    this.#syncs.add(sync);
  }

  /** Makes a directory and its missing parents, with this owner and group; they go away when there is no commit. */
  async makeDirectory(
    path: string,
    { uid, gid }: Pick<Attributes, 'uid' | 'gid'>,
  ): Promise<StagingDirectory> {
    const known = this.#directories.get(path);
    if (known) return known;
    this.#refuseBelowFile(path);
    const made = await makeDirectories(path, this.#calls);
    this.#made.push(...made);
    for (const parent of made) {
      if (uid !== undefined || gid !== undefined) await fs.promises.chown(parent, uid ?? -1, gid ?? -1);
    }
    await this.#staging.note(path);
    const directory = { path, isInMemory: MEMORY_FILE_SYSTEMS.has(await this.#calls.fileSystemType(path)) };
    this.#directories.set(path, directory);
    return directory;
  }

  /** Puts every file into its place. What was placed before a failure stays. */
  async commit(): Promise<void> {
    await Promise.all(this.#syncs);
    if (this.#syncFailure !== undefined) throw this.#syncFailure;
    this.#isCommitted = true;
    for (const waiting of this.#waiting) {
      await this.#place(waiting);
      waiting.isPlaced = true;
      const pause = this.#slice.pause();
      if (pause) await pause;
    }
    for (const { path, isInMemory } of this.#directories.values()) if (!isInMemory) await syncDirectory(path);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    using _use = this.#use;
    await Promise.all(this.#syncs);
    for (const { staged, isAdopted, isPlaced } of this.#waiting) {
      if (!isPlaced && !isAdopted) await staged.discard().catch(() => undefined);
    }
    if (this.#isCommitted) return;
    // What somebody else has put something into stays.
    for (const path of this.#made.toReversed()) await fs.promises.rmdir(path).catch(() => undefined);
  }

  /** What will be a file cannot be a directory too: better now than in the middle of the commit. */
  #refuseBelowFile(directory: string): void {
    for (let parent = directory; parent !== '/'; parent = dirname(parent)) {
      if (this.#targets.has(parent)) throw notADirectory(parent);
    }
  }

  /** The target with its links followed, and what stands there. */
  async #inspect(target: StagingTarget): Promise<{ target: StagingTarget; existing: Stats | undefined }> {
    const found = await this.#calls.lstat(target.path);
    const path = found?.isSymbolicLink() ? followLinks(target.path) : target.path;
    const existing = path === target.path ? found : await this.#calls.lstat(path);
    if (existing && target.createOnly) throw fileExists(target.path);
    if (existing && !existing.isFile()) throw notRegular(target.path, existing);
    return { target: path === target.path ? target : { ...target, path }, existing };
  }

  /** A writable file in a directory where nothing may be created is written in its place, from bytes kept elsewhere. */
  async #create(
    { path, isInMemory }: StagingDirectory,
    mode: number,
    existingPath: string | undefined,
  ): Promise<StagedFile> {
    try {
      return await StagedFile.create(path, mode, this.#calls, isInMemory ? 'memory' : 'disk');
    } catch (error) {
      const isForbidden = ['EACCES', 'EPERM', 'EROFS'].includes(errorCode(error) ?? '');
      if (!isForbidden || existingPath === undefined || !isWritable(existingPath)) throw error;
      return await StagedFile.create(await this.#staging.ensure(), 0o600, this.#calls);
    }
  }

  async #setAttributes(staged: StagedFile, wanted: Attributes, existing: Stats | undefined): Promise<void> {
    const { mode } = wanted;
    if (existing) await this.#keepOwner(staged, wanted, existing);
    else if (wanted.uid !== undefined || wanted.gid !== undefined) {
      await this.#calls.fchown(staged.descriptor, wanted.uid ?? -1, wanted.gid ?? -1);
    }
    // Behind the owner: a change of owner clears the special bits.
    const exact = mode ?? (existing && existing.mode & MODE_BITS);
    if (exact !== undefined && (exact & (UMASK | SPECIAL_BITS)) !== 0) {
      await this.#calls.fchmod(staged.descriptor, exact);
    }
  }

  async #keepOwner(staged: StagedFile, wanted: Attributes, existing: Stats): Promise<void> {
    const uid = wanted.uid ?? existing.uid;
    const gid = wanted.gid ?? existing.gid;
    const created = await this.#calls.fstat(staged.descriptor);
    if (created.uid === uid && created.gid === gid) return;
    try {
      await this.#calls.fchown(staged.descriptor, uid, gid);
    } catch (error) {
      // Who may not give files away keeps what it writes; only a wish that was expressed fails.
      if (wanted.uid !== undefined || wanted.gid !== undefined) throw error;
    }
  }

  async #place({ staged, target, directory }: Waiting): Promise<void> {
    if (directory === undefined) {
      await writeInPlace(staged.path, target);
    } else if (target.createOnly) {
      await this.#linkNew(staged, target);
    } else {
      await this.#renameOver(staged, target);
      return;
    }
    await this.#calls.unlink(staged.path);
  }

  async #linkNew(staged: StagedFile, target: StagingTarget): Promise<void> {
    try {
      await this.#calls.link(staged.path, target.path);
    } catch (error) {
      throw errorCode(error) === 'EEXIST' ? fileExists(target.path) : error;
    }
  }

  async #renameOver(staged: StagedFile, target: StagingTarget): Promise<void> {
    try {
      await this.#calls.rename(staged.path, target.path);
    } catch (error) {
      // A file that is a mount point, as /etc/hosts is in a pod, cannot be replaced.
      if (errorCode(error) !== 'EBUSY') throw error;
      await writeInPlace(staged.path, target);
      await this.#calls.unlink(staged.path);
    }
  }
}

/** Copies the bytes into the existing file. A reader may see a part of them. */
async function writeInPlace(from: string, { path, attributes }: StagingTarget): Promise<void> {
  await pipeline(fs.createReadStream(from), fs.createWriteStream(path, { flags: 'r+', flush: true }));
  await fs.promises.truncate(path, (await fs.promises.stat(from)).size);

  await applyAttributes(path, attributes);
}

function followLinks(path: string): string {
  try {
    return realTarget(path);
  } catch (error) {
    throw loopFailure(error, path);
  }
}

function isWritable(path: string): boolean {
  try {
    fs.accessSync(path, fs.constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** Makes renames last: fsync(2) of a file says nothing about its entry in the directory. */
async function syncDirectory(path: string): Promise<void> {
  try {
    await using handle = await fs.promises.open(path);
    await handle.sync();
  } catch (error) {
    // Some file systems cannot sync a directory, and one without read permission cannot be opened.
    if (!['EINVAL', 'EACCES'].includes(errorCode(error) ?? '')) throw error;
  }
}
