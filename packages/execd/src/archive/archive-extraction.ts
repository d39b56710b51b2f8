import type { FileCalls } from '../filesystem/file-calls.ts';
import { UNCHANGED } from '../filesystem/permission.ts';
import type { Attributes } from '../filesystem/permission.ts';
import type { StagedBatch } from '../filesystem/staged-batch.ts';
import { invalidArchive } from './invalid-archive.ts';
import type { MemberFilter } from './member-filter.ts';
import { checkLinkTarget, memberNames } from './member-name.ts';
import type { TarEntry, TarReader } from './tar-reader.ts';
import { TargetTree } from './target-tree.ts';

/** setuid, setgid and sticky do not come out of an archive. */
const PERMISSION_BITS = 0o777;
const LARGEST_ID = 0xffff_fffe;
/** Times that every system call takes, seconds since 1970: 2^31 before it to the year 9999. */
const EARLIEST = -(2 ** 31);
const LATEST = 253_402_300_799;

export interface ExtractionOptions {
  /** Absolute; made when it is missing. */
  readonly directory: string;
  readonly filter: MemberFilter;
  /** How many leading names are taken off. What has no more is skipped. */
  readonly strip: number;
  /** Whether files belong to whom the archive says, by number. */
  readonly preserveOwner: boolean;
}

/** What came out of an archive. */
export interface ExtractionSummary {
  /** Hard links too. */
  files: number;
  directories: number;
  symlinks: number;
  /** Content of the files. */
  bytes: number;
  /** Devices, pipes and what else is neither file, directory nor link; files that had no name left. */
  skipped: number;
}

/**
 * Puts the entries of an archive into a batch, so that they appear together or not at all. Everything that would not
 * stay in the directory, by its name or by way of a link, is refused with `INVALID_ARCHIVE`. Directories are made at
 * once and taken back with the batch.
 */
export class ArchiveExtraction {
  readonly summary: ExtractionSummary = { files: 0, directories: 0, symlinks: 0, bytes: 0, skipped: 0 };
  readonly #options: ExtractionOptions;
  readonly #batch: StagedBatch;
  readonly #calls: FileCalls;
  readonly #tree: TargetTree;
  /** What the archive says about directories, by relative path. */
  readonly #directories = new Map<string, TarEntry>();
  /** One for each mode: the batch keeps them. */
  readonly #shared = new Map<number, Attributes>();

  constructor(options: ExtractionOptions, batch: StagedBatch, calls: FileCalls) {
    this.#options = options;
    this.#batch = batch;
    this.#calls = calls;
    this.#tree = new TargetTree(options.directory, batch, calls);
  }

  open(): Promise<void> {
    return this.#tree.open();
  }

  /** The next entry; its content comes from the reader. */
  async take(entry: TarEntry, reader: TarReader): Promise<void> {
    const allNames = memberNames(entry.name);
    const names = allNames.slice(this.#options.strip);
    if (names.length === 0) {
      this.#takeNameless(entry, allNames);
    } else if (this.#isWanted(entry, names)) {
      await this.#put(entry, names, reader);
    }
  }

  /** Gives the directories that were made mode, owner and time. To be called when everything is in its place. */
  async finishDirectories(): Promise<void> {
    for (const [relative, path] of this.#tree.made()) {
      const entry = this.#directories.get(relative);
      if (!entry) continue;
      const { mode, uid, gid } = this.#attributes(entry);
      if (uid !== undefined && gid !== undefined) await this.#calls.lchown(path, uid, gid);
      if (mode !== undefined) await this.#calls.chmod(path, mode);
      await this.#calls.lutimes(path, modifiedOf(entry), modifiedOf(entry));
    }
  }

  /** The directory itself, or what was stripped of its whole name. */
  #takeNameless(entry: TarEntry, allNames: readonly string[]): void {
    if (entry.type !== 'directory') {
      if (allNames.length === 0) throw invalidArchive('a file without a name', entry.name);
      this.summary.skipped += 1;
    } else if (allNames.length === 0) {
      this.#directories.set('', entry);
    }
  }

  #isWanted(entry: TarEntry, names: readonly string[]): boolean {
    const { filter } = this.#options;
    if (filter.excludesBelow(names)) return false;
    return entry.type === 'directory' || filter.includes(names.at(-1) ?? '', names.join('/'));
  }

  async #put(entry: TarEntry, names: readonly string[], reader: TarReader): Promise<void> {
    switch (entry.type) {
      case 'file':
        return await this.#putFile(entry, names, reader);
      case 'directory':
        return await this.#putDirectory(entry, names);
      case 'symlink':
        return await this.#putSymlink(entry, names, entry.linkName);
      case 'hard-link':
        return await this.#putHardLink(entry, names);
      case 'other':
        this.summary.skipped += 1;
    }
  }

  async #putFile(entry: TarEntry, names: readonly string[], reader: TarReader): Promise<void> {
    const path = await this.#tree.place(names);
    const staged = await this.#batch.stage({ path, attributes: this.#attributes(entry), replaces: true });
    for (let bytes = await reader.content(); bytes !== undefined; bytes = await reader.content()) {
      await staged.write(bytes);
    }
    await this.#batch.seal(staged, modifiedOf(entry));
    this.#tree.remember(path, this.#batch.lastTicket);
    this.summary.files += 1;
    this.summary.bytes += entry.size;
  }

  /** With patterns to include only what holds a wanted file is made, by that file. */
  async #putDirectory(entry: TarEntry, names: readonly string[]): Promise<void> {
    this.#directories.set(names.join('/'), entry);
    if (!this.#options.filter.takesDirectories) return;
    await this.#tree.enter(names);
    this.summary.directories += 1;
  }

  async #putSymlink(entry: TarEntry, names: readonly string[], leadsTo: string): Promise<void> {
    checkLinkTarget(leadsTo, names);
    const path = await this.#tree.place(names);
    const owner = this.#attributes(entry);
    await this.#batch.stageLink({ path, leadsTo, owner, modified: modifiedOf(entry) });
    this.#tree.remember(path, leadsTo);
    this.summary.symlinks += 1;
  }

  async #putHardLink(entry: TarEntry, names: readonly string[]): Promise<void> {
    const earlier = memberNames(entry.linkName).slice(this.#options.strip);
    const member = this.#tree.member(earlier);
    if (member === undefined) {
      throw invalidArchive('a hard link to what is no earlier file of the archive', entry.name);
    }
    if (typeof member === 'string') {
      await this.#putSymlink(entry, names, member);
      return;
    }
    const path = await this.#tree.place(names);
    await this.#batch.stageName(path, member);
    this.#tree.remember(path, member);
    this.summary.files += 1;
  }

  #attributes({ name, mode, uid, gid }: TarEntry): Attributes {
    const bits = mode & PERMISSION_BITS;
    const shared = this.#shared.get(bits) ?? { ...UNCHANGED, mode: bits };
    this.#shared.set(bits, shared);
    if (!this.#options.preserveOwner) return shared;
    if (!isId(uid) || !isId(gid)) throw invalidArchive('no possible owner', name);
    return { mode: bits, uid, gid };
  }
}

function isId(id: number): boolean {
  return id >= 0 && id <= LARGEST_ID;
}

function modifiedOf({ modified }: TarEntry): number {
  return Math.min(Math.max(modified, EARLIEST), LATEST);
}
