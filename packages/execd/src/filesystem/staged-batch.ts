import fs from 'node:fs';
import type { Stats } from 'node:fs';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { errorCode } from '../os/errno.ts';
import { fileCalls } from './file-calls.ts';
import type { FileCalls } from './file-calls.ts';
import { fileExists, loopFailure, notADirectory, notRegular } from './file-failure.ts';
import { realTarget } from './links.ts';
import { makeDirectories } from '../os/make-directories.ts';
import { UNCHANGED } from './permission.ts';
import type { Attributes } from './permission.ts';
import { isWritable, linkNew, syncDirectory, writeInPlace } from './placement.ts';
import { UMASK, hasCreatedMode, setStagedAttributes } from './staged-attributes.ts';
import { StagedFile, stagedName } from './staged-file.ts';
import type { Staging } from './staging.ts';
import { TimeSlice } from '../os/time-slice.ts';

const fsync = promisify(fs.fsync);

/** How many files are synced to disk at the same time. */
const SYNC_WIDTH = 8;
/** tmpfs and ramfs, as statfs(2) calls them: there is no disk behind them. */
const MEMORY_FILE_SYSTEMS = new Set([0x0102_1994, 0x8584_58f6]);
const NEW_FILE_MODE = 0o777;
const MODE_BITS = 0o7777;

/** Where the bytes of a staged file will stand. */
export interface StagingTarget {
  /** Absolute and clean. A symbolic link is followed; missing parents are made, with the file's owner and group. */
  readonly path: string;
  readonly attributes: Attributes;
  /** Mode of a new file whose attributes have none, before the umask takes its part; 0777 when missing. */
  readonly newMode?: number;
  /** Refuse with 412 when there is something already. */
  readonly createOnly?: boolean;
  /**
   * Take the place of whatever is there but a directory, a symbolic link too, and keep nothing of it. The caller sees to
   * it that nothing of the batch goes below.
   */
  readonly replaces?: boolean;
}

/** A symbolic link that waits for its place. */
export interface StagingLink {
  /** Absolute and clean. What stands there is replaced, but for a directory. */
  readonly path: string;
  readonly leadsTo: string;
  readonly owner: Pick<Attributes, 'uid' | 'gid'>;
  /** Seconds since 1970. */
  readonly modified: number;
}

/** What waits for the commit, in little memory: there may be a million. */
interface Waiting {
  /** `name`: one more name of a file that has others. */
  readonly kind: 'file' | 'symlink' | 'name';
  /** Its temporary name ends in its number; only `file` has another one. */
  readonly number: number;
  /** The target. */
  readonly path: string;
  readonly attributes: Attributes;
  readonly createOnly: boolean;
  /** Where the target and the temporary name stand; missing where nothing may be created beside the target. */
  readonly directory: StagingDirectory | undefined;
  /** It was there before the batch, and stays when there is no commit. */
  readonly isAdopted: boolean;
  /** While it may be open, or when it has a name of its own. */
  file: StagedFile | undefined;
}

interface StagingDirectory {
  readonly path: string;
  readonly isInMemory: boolean;
}

/**
 * Files that appear together or not at all. Each is written to a temporary file beside its target and gets mode, owner
 * and fsync there; `commit` renames all, in order, and syncs each directory once. Disposing a batch that was not
 * committed removes everything that it made. A target keeps mode and owner unless its attributes say otherwise; a new
 * one has 0777 without the umask (contract §7.7) unless told otherwise. A reader of a target sees the old or the new
 * content, never a part. Rejects with the system's errors, and with ServiceErrors for targets that are no regular files.
 */
export class StagedBatch implements AsyncDisposable {
  readonly #calls: FileCalls = fileCalls();
  readonly #slice = new TimeSlice();
  readonly #staging: Staging;
  readonly #use: Disposable;
  readonly #prefix = `${stagedName()}-`;
  readonly #waiting: Waiting[] = [];
  #placed = 0;
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
  stage(wanted: StagingTarget): StagedFile | Promise<StagedFile> {
    return this.#stageNew(wanted) ?? this.#stageAny(wanted);
  }

  /** The most common case, without a wait: a new file in a memory directory that had one before. */
  #stageNew(target: StagingTarget): StagedFile | undefined {
    const directory = this.#directories.get(dirname(target.path));
    const { path, attributes, newMode } = target;
    const isPlain = hasCreatedMode(attributes) && !target.createOnly && !target.replaces;
    if (!isPlain || !directory?.isInMemory || !this.#calls.isImmediate || this.#slice.isOver)
      return undefined;
    try {
      if (this.#calls.lstat(path) !== undefined) return undefined;
      const mode = attributes.mode ?? newMode ?? NEW_FILE_MODE;
      const file = StagedFile.create(directory.path, mode, this.#calls, 'memory', this.#nextName());
      if (file instanceof Promise) return undefined;
      this.#wait(target, { kind: 'file', directory, file });
      this.#targets.add(path);
      return file;
    } catch {
      // Told by the other way.
      return undefined;
    }
  }

  async #stageAny(wanted: StagingTarget): Promise<StagedFile> {
    const { target, existing } = wanted.replaces
      ? { target: wanted, existing: undefined }
      : await this.#inspect(wanted);
    const directory = await this.makeDirectory(dirname(target.path), target.attributes);
    const mode =
      target.attributes.mode ?? (existing ? existing.mode & MODE_BITS : (target.newMode ?? NEW_FILE_MODE));
    const file = await this.#create(directory, mode, existing && target.path);
    const isBeside = dirname(file.path) === directory.path;
    this.#wait(target, { kind: 'file', directory: isBeside ? directory : undefined, file });
    if (!wanted.replaces) this.#targets.add(target.path);
    if (isBeside) await setStagedAttributes(file, target.attributes, existing, this.#calls);
    const pause = this.#slice.pause();
    if (pause) await pause;
    return file;
  }

  /** Takes a file that was written beside its target before. When it rejects the file is still to be closed. */
  async adopt(staged: StagedFile, wanted: StagingTarget): Promise<void> {
    const { target, existing } = await this.#inspect(wanted);
    const directory = await this.makeDirectory(dirname(target.path), target.attributes);
    this.#wait(target, { kind: 'file', directory, file: staged, isAdopted: true });
    const mode =
      target.attributes.mode ??
      (existing ? existing.mode & MODE_BITS : (target.newMode ?? NEW_FILE_MODE) & ~UMASK);
    await setStagedAttributes(staged, { ...target.attributes, mode }, existing, this.#calls);
    await this.#calls.fchmod(staged.descriptor, mode);
  }

  /** A symbolic link; it appears with the files. */
  async stageLink({ path, leadsTo, owner, modified }: StagingLink): Promise<void> {
    const directory = await this.makeDirectory(dirname(path), owner);
    const staged = this.#nextPath(directory);
    await this.#calls.symlink(leadsTo, staged);
    this.#wait({ path, attributes: UNCHANGED }, { kind: 'symlink', directory });
    if (owner.uid !== undefined || owner.gid !== undefined) {
      await this.#calls.lchown(staged, owner.uid ?? -1, owner.gid ?? -1);
    }
    await this.#calls.lutimes(staged, modified, modified);
  }

  /** The ticket of what was staged last. */
  get lastTicket(): number {
    return this.#waiting.length - 1;
  }

  /** One more name for a file that was sealed, by its ticket; it takes the place of what is there. */
  async stageName(path: string, ticket: number): Promise<void> {
    const earlier = this.#waiting[ticket];
    if (!earlier) throw new Error(`no staged file ${ticket}`);
    const directory = await this.makeDirectory(dirname(path), UNCHANGED);
    await this.#calls.link(this.#stagedPath(earlier), this.#nextPath(directory));
    this.#wait({ path, attributes: earlier.attributes }, { kind: 'name', directory });
  }

  /**
   * Ends the writing of the file that was staged last, and sets when it was modified (seconds since 1970). Its sync goes
   * on while the next ones are written.
   */
  seal(staged: StagedFile, modified?: number): void | Promise<void> {
    const waiting = this.#waiting.at(-1);
    if (!waiting?.directory?.isInMemory || modified !== undefined) return this.#sealSlowly(staged, modified);
    const closed = staged.close();
    if (!waiting.isAdopted) waiting.file = undefined;
    return closed;
  }

  async #sealSlowly(staged: StagedFile, modified: number | undefined): Promise<void> {
    const waiting = this.#waiting.at(-1);
    if (waiting?.directory?.isInMemory === false) await this.#syncSoon(staged, modified);
    else await staged.close((descriptor) => this.#setTime(descriptor, modified));
    if (waiting?.directory && !waiting.isAdopted) waiting.file = undefined;
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
      if (!this.#placeNow(waiting)) await this.#place(waiting);
      this.#placed += 1;
      const pause = this.#slice.pause();
      if (pause) await pause;
    }
    for (const { path, isInMemory } of this.#directories.values()) if (!isInMemory) await syncDirectory(path);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    using _use = this.#use;
    await Promise.all(this.#syncs);
    for (const waiting of this.#waiting.slice(this.#placed)) {
      await this.#discard(waiting);
      const pause = this.#slice.pause();
      if (pause) await pause;
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

  #wait(
    { path, attributes, createOnly = false }: StagingTarget,
    staged: Pick<Waiting, 'kind' | 'directory'> & Partial<Waiting>,
  ): void {
    const number = this.#waiting.length;
    const { kind, directory, file, isAdopted = false } = staged;
    this.#waiting.push({ kind, number, path, attributes, createOnly, directory, isAdopted, file });
  }

  /** Where the one that is staged next has its temporary name. */
  #nextPath({ path }: StagingDirectory): string {
    return `${path}/${this.#nextName()}`;
  }

  #nextName(): string {
    return this.#prefix + this.#waiting.length.toString(36);
  }

  #stagedPath({ file, directory, number }: Waiting): string {
    return file ? file.path : `${directory?.path}/${this.#prefix}${number.toString(36)}`;
  }

  async #discard(waiting: Waiting): Promise<void> {
    if (waiting.isAdopted) return;
    try {
      if (waiting.file) await waiting.file.discard();
      else await this.#calls.unlink(this.#stagedPath(waiting));
    } catch {
      // Somebody else has removed it.
    }
  }

  async #syncSoon(staged: StagedFile, modified: number | undefined): Promise<void> {
    while (this.#syncs.size >= SYNC_WIDTH) await Promise.race(this.#syncs);
    const closed = staged.close(async (descriptor) => {
      await this.#setTime(descriptor, modified);
      await fsync(descriptor);
    });
    const sync: Promise<void> = Promise.resolve(closed)
      .catch((error: unknown) => {
        this.#syncFailure ??= error;
      })
      .finally(() => this.#syncs.delete(sync));
    this.#syncs.add(sync);
  }

  #setTime(descriptor: number, modified: number | undefined): void | Promise<void> {
    if (modified !== undefined) return this.#calls.futimes(descriptor, Date.now() / 1_000, modified);
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
      const medium = isInMemory ? 'memory' : 'disk';
      return await StagedFile.create(path, mode, this.#calls, medium, this.#nextName());
    } catch (error) {
      const isForbidden = ['EACCES', 'EPERM', 'EROFS'].includes(errorCode(error) ?? '');
      if (!isForbidden || existingPath === undefined || !isWritable(existingPath)) throw error;
      return await StagedFile.create(await this.#staging.ensure(), 0o600, this.#calls);
    }
  }

  /** False when it takes more than a rename, or a wait. */
  #placeNow(waiting: Waiting): boolean {
    const { kind, path, createOnly, directory } = waiting;
    if (kind !== 'file' || createOnly || !directory || !this.#calls.isImmediate) return false;
    try {
      void this.#calls.rename(this.#stagedPath(waiting), path);
      return true;
    } catch {
      // Told, or mended, by the other way.
      return false;
    }
  }

  async #place(waiting: Waiting): Promise<void> {
    const { kind, path, createOnly, directory } = waiting;
    const staged = this.#stagedPath(waiting);
    if (directory === undefined) {
      await writeInPlace(staged, waiting);
    } else if (createOnly) {
      await linkNew(staged, path, this.#calls);
    } else if (kind === 'symlink') {
      await this.#calls.rename(staged, path);
      return;
    } else {
      await this.#renameOver(staged, waiting);
      // Between two names of one file rename(2) does nothing, and the temporary one is left.
      if (kind === 'file' || !(await this.#calls.lstat(staged))) return;
    }
    await this.#calls.unlink(staged);
  }

  async #renameOver(staged: string, waiting: Waiting): Promise<void> {
    try {
      await this.#calls.rename(staged, waiting.path);
    } catch (error) {
      // A file that is a mount point, as /etc/hosts is in a pod, cannot be replaced.
      if (errorCode(error) !== 'EBUSY') throw error;
      await writeInPlace(staged, waiting);
      await this.#calls.unlink(staged);
    }
  }
}

function followLinks(path: string): string {
  try {
    return realTarget(path);
  } catch (error) {
    throw loopFailure(error, path);
  }
}
