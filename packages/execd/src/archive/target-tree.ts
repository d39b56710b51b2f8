import { invalidRequest } from '../filesystem/file-failure.ts';
import type { FileCalls } from '../filesystem/file-calls.ts';
import { UNCHANGED } from '../filesystem/permission.ts';
import type { StagedBatch } from '../filesystem/staged-batch.ts';
import { invalidArchive } from './invalid-archive.ts';

/** What an archive has put somewhere: a file by its ticket in the batch, a symbolic link by its target. */
export type Member = number | string;

/** The directory that an archive is extracted to: what may be put where, and what was put there before. */
export class TargetTree {
  readonly #root: string;
  readonly #batch: StagedBatch;
  readonly #calls: FileCalls;
  /** Directories that are known to be some, by relative path; true for those that were made. Parents come first. */
  readonly #directories = new Map<string, boolean>();
  /** By absolute path: these strings are in the batch too. */
  readonly #members = new Map<string, Member>();

  constructor(root: string, batch: StagedBatch, calls: FileCalls) {
    this.#root = root;
    this.#batch = batch;
    this.#calls = calls;
  }

  /** Makes the root if there is none. */
  async open(): Promise<void> {
    const found = await this.#calls.stat(this.#root);
    if (found && !found.isDirectory()) throw invalidRequest(`not a directory: ${this.#root}`);
    await this.#batch.makeDirectory(this.#root, UNCHANGED);
    this.#directories.set('', !found);
  }

  /**
   * Makes a directory where there is none. Throws `INVALID_ARCHIVE` when a symbolic link is on the way, of the archive
   * or found there, or something else that is no directory.
   */
  async enter(names: readonly string[]): Promise<void> {
    if (this.#directories.has(names.join('/'))) return;
    for (const index of names.keys()) {
      const path = names.slice(0, index + 1).join('/');
      if (!this.#directories.has(path)) await this.#enterNext(path);
    }
  }

  /** Where a file or link may be put, as an absolute path; its directory is there. Throws as `enter` does. */
  async place(names: readonly string[]): Promise<string> {
    await this.enter(names.slice(0, -1));
    const relative = names.join('/');
    const path = this.#absolute(relative);
    const isDirectory =
      this.#directories.has(relative) || (await this.#calls.lstat(path))?.isDirectory() === true;
    if (isDirectory) throw invalidArchive('a file in the place of a directory', relative);
    return path;
  }

  /** Says what was put where `place` said. */
  remember(path: string, member: Member): void {
    this.#members.set(path, member);
  }

  member(names: readonly string[]): Member | undefined {
    return this.#members.get(this.#absolute(names.join('/')));
  }

  /** The directories that were made, by relative path with their absolute one, the deepest first. */
  *made(): Generator<readonly [relative: string, path: string]> {
    for (const [relative, isMade] of [...this.#directories].reverse()) {
      if (isMade) yield [relative, this.#absolute(relative)];
    }
  }

  async #enterNext(relative: string): Promise<void> {
    const path = this.#absolute(relative);
    const member = this.#members.get(path);
    const found = await this.#calls.lstat(path);
    if (typeof member === 'string' || (member === undefined && found?.isSymbolicLink())) {
      throw invalidArchive('it leads through a symbolic link', relative);
    }
    if (member !== undefined || (found && !found.isDirectory())) {
      throw invalidArchive('a directory in the place of a file', relative);
    }
    if (!found) await this.#batch.makeDirectory(path, UNCHANGED);
    this.#directories.set(relative, !found);
  }

  #absolute(relative: string): string {
    if (relative === '') return this.#root;
    return this.#root === '/' ? `/${relative}` : `${this.#root}/${relative}`;
  }
}
