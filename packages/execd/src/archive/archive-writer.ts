import { constants } from 'node:fs';
import type { Stats } from 'node:fs';
import type { FileCalls } from '../filesystem/file-calls.ts';
import type { WalkEntry, WalkVisitor } from '../filesystem/walk.ts';
import { groupName, userName } from '../os/accounts.ts';
import type { BlockOutput } from './block-output.ts';
import type { MemberFilter } from './member-filter.ts';
import { END_BLOCKS, memberHeader } from './tar-member.ts';
import type { TarMember } from './tar-member.ts';

const MODE_BITS = 0o7777;

/** Not a pipe that took the place of a file: its other end may never come. */
const READING = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** A directory on the way to where the walk is. */
interface Parent {
  readonly entry: WalkEntry;
  isWritten: boolean;
}

/** What goes into a header beside name and type. */
type Details = Pick<TarMember, 'leadsTo' | 'size'>;

/**
 * Writes what a walk visits as a tar archive, with names relative to the walk's root. Links are links, files with
 * several names are several files. A file keeps the size that it had when its turn came: what is missing then is zeros,
 * what is more is left out. What cannot be read is skipped and counted, as are sockets, pipes and devices, and what has
 * a name that is not UTF-8.
 */
export class ArchiveWriter implements WalkVisitor {
  readonly #output: BlockOutput;
  readonly #filter: MemberFilter;
  readonly #calls: FileCalls;
  readonly #signal: AbortSignal;
  readonly #parents: Parent[] = [];
  readonly #users = new Map<number, string>();
  readonly #groups = new Map<number, string>();
  #skipped = 0;

  constructor(output: BlockOutput, filter: MemberFilter, calls: FileCalls, signal: AbortSignal) {
    this.#output = output;
    this.#filter = filter;
    this.#calls = calls;
    this.#signal = signal;
  }

  /** How many entries were left out that were wanted. */
  get skipped(): number {
    return this.#skipped;
  }

  visit(entry: WalkEntry): void | false | Promise<void | false> {
    const { name, relativePath, type } = entry;
    if (this.#filter.excludes(name, relativePath)) return false;
    if (typeof entry.systemPath !== 'string') return this.#skip();
    this.#parents.length = Math.min(this.#parents.length, entry.depth - 1);
    if (type === 'directory') return this.#visitDirectory(entry);
    if (!this.#filter.includes(name, relativePath)) return;
    if (type === 'other') this.#skipped += 1;
    else return this.#add(entry);
  }

  /** One file by itself, under this name. */
  async addSingle(path: string, name: string): Promise<void> {
    const descriptor = await this.#calls.open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    await this.#copy(descriptor, name);
  }

  async end(): Promise<void> {
    await this.#output.write(END_BLOCKS);
    await this.#output.end();
  }

  #skip(): false {
    this.#skipped += 1;
    return false;
  }

  #visitDirectory(entry: WalkEntry): void | Promise<void> {
    this.#parents.push({ entry, isWritten: false });
    if (this.#filter.takesDirectories) return this.#addParents();
  }

  async #add(entry: WalkEntry): Promise<void> {
    await this.#addParents();
    const isAdded = entry.type === 'file' ? await this.#addFile(entry) : await this.#addLink(entry);
    if (!isAdded) this.#skipped += 1;
  }

  /** The directories on the way here that are not in the archive yet. */
  async #addParents(): Promise<void> {
    this.#signal.throwIfAborted();
    for (const parent of this.#parents) {
      if (parent.isWritten) continue;
      parent.isWritten = true;
      const stats = await attempt(() => this.#calls.lstat(parent.entry.accessPath));
      if (!stats?.isDirectory()) continue;
      const details = { leadsTo: '', size: 0 };
      await this.#output.write(this.#header('directory', parent.entry.relativePath, stats, details));
    }
  }

  /** False when it cannot be read. */
  async #addLink({ accessPath, relativePath }: WalkEntry): Promise<boolean> {
    const stats = await attempt(() => this.#calls.lstat(accessPath));
    const leadsTo = await attempt(() => this.#calls.readlink(accessPath));
    if (!stats?.isSymbolicLink() || leadsTo === undefined) return false;
    await this.#output.write(this.#header('symlink', relativePath, stats, { leadsTo, size: 0 }));
    return true;
  }

  /** False when it cannot be opened, or is something else by now. */
  async #addFile({ accessPath, relativePath }: WalkEntry): Promise<boolean> {
    const descriptor = await attempt(() => this.#calls.open(accessPath, READING));
    return descriptor !== undefined && (await this.#copy(descriptor, relativePath));
  }

  /** Closes the descriptor. */
  async #copy(descriptor: number, name: string): Promise<boolean> {
    try {
      const stats = await this.#calls.fstat(descriptor);
      if (!stats.isFile()) return false;
      const { size } = stats;
      await this.#output.write(this.#header('file', name, stats, { leadsTo: '', size }));
      for (let left = size; left > 0;) {
        const read = await this.#calls.read(descriptor, (await this.#output.room()).subarray(0, left));
        this.#output.advance(read);
        left -= read;
        if (read === 0) {
          await this.#output.zeros(left);
          break;
        }
      }
      await this.#output.padBlock();
      return true;
    } finally {
      await this.#calls.close(descriptor);
    }
  }

  #header(type: TarMember['type'], name: string, stats: Stats, details: Details): Buffer {
    const { uid, gid, mode, mtimeMs } = stats;
    return memberHeader({
      type,
      name,
      ...details,
      mode: mode & MODE_BITS,
      uid,
      gid,
      user: known(this.#users, uid, userName),
      group: known(this.#groups, gid, groupName),
      modifiedMs: mtimeMs,
    });
  }
}

/** The name of an id, looked up once; empty when it has none. */
function known(names: Map<number, string>, id: number, lookUp: (id: number) => string): string {
  const before = names.get(id);
  if (before !== undefined) return before;
  const found = lookUp(id);
  const name = found === String(id) ? '' : found;
  names.set(id, name);
  return name;
}

/** Undefined for what fails: it vanished, or may not be read. */
async function attempt<T>(call: () => T | Promise<T>): Promise<T | undefined> {
  try {
    return await call();
  } catch {
    return undefined;
  }
}
