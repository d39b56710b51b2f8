import { closeSync, constants, openSync } from 'node:fs';
import type { Dirent, Stats } from 'node:fs';
import { isUtf8 } from 'node:buffer';
import { readdir, realpath } from 'node:fs/promises';
import { errorCode } from '../os/errno.ts';
import { fileCalls } from './file-calls.ts';
import type { FileCalls } from './file-calls.ts';
import { TimeSlice } from '../os/time-slice.ts';

export type FileType = 'file' | 'directory' | 'symlink' | 'other';

/**
 * An access path longer than this is replaced by one through a descriptor: the system takes 4,096 bytes, a name has up
 * to 255.
 */
const LONG_PATH_BYTES = 3_500;
/** The most that one UTF-16 unit takes in UTF-8. */
const UNIT_BYTES = 3;

/** What stands for bytes that are no UTF-8. */
const REPLACEMENT = '\uFFFD';

/** A name in a directory; one that is no UTF-8 has its bytes too. */
interface Found extends Pick<Dirent, 'name' | 'isFile' | 'isDirectory' | 'isSymbolicLink'> {
  readonly bytes?: Buffer;
}

/** A few links can make endlessly many paths: what is beyond this many directories counts as skipped. */
const FOLLOWED_DIRECTORIES = 100_000;

export interface WalkOptions {
  /** How many levels below the root are visited; all when missing. */
  readonly depth?: number;
  /** Names with a dot in front, and what is below them, are left out when false. Default true. */
  readonly hidden?: boolean;
  /**
   * Asked for each symbolic link, with the real path of what it leads to: true to take the target in its place and to
   * enter it when it is a directory, but never from below itself. Without it links are links.
   */
  readonly follow?: (realPath: string) => boolean;
  /** Ends the walk early, with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** `false`: the directory is not entered. `'stop'`: the walk ends here, as if nothing followed. */
export type VisitResult = void | false | 'stop';

export interface WalkVisitor {
  /** Every entry below the root, a directory before what it holds. */
  visit(entry: WalkEntry): VisitResult | Promise<VisitResult>;
  /** A directory that was entered and is done; the root is the last one. */
  leave?(directory: WalkedDirectory): void | Promise<void>;
  /** A directory below the root that was visited and could not be read. */
  unreadable?(directory: WalkEntry, error: unknown): void | Promise<void>;
}

/** How a walk went. */
export interface WalkSummary {
  /** Directories that could not be read. What vanished meanwhile is not counted. */
  readonly skipped: number;
}

/** A directory on the way from the root to where the walk is. */
export interface WalkedDirectory {
  /** As it is shown: the root's path and the names below it. */
  readonly path: string;
  /** Relative to the root, `''` for the root itself. */
  readonly relativePath: string;
  /** Stands for the same directory in system calls, however long `path` is; valid until the directory was left. */
  readonly accessPath: string;
  /** Its entry in its parent, which is accessible until it was left: what rmdir(2) wants. */
  readonly entryPath: string | Buffer;
  /** The root's is 0. */
  readonly depth: number;
}

/** Something in a directory. The paths are put together when they are asked for. */
export class WalkEntry {
  readonly name: string;
  readonly type: FileType;
  readonly directory: WalkedDirectory;
  readonly #bytes: Buffer | undefined;

  constructor(found: Found, type: FileType, directory: WalkedDirectory) {
    this.name = found.name;
    this.type = type;
    this.directory = directory;
    this.#bytes = found.bytes;
  }

  /** As it is shown. */
  get path(): string {
    return below(this.directory.path, this.name);
  }

  get relativePath(): string {
    return this.directory.depth === 0 ? this.name : `${this.directory.relativePath}/${this.name}`;
  }

  /** For system calls, until its directory was left. What has a name that is no UTF-8 is not found by it. */
  get accessPath(): string {
    return below(this.directory.accessPath, this.name);
  }

  /** As accessPath, for names of any bytes. */
  get systemPath(): string | Buffer {
    if (this.#bytes === undefined) return this.accessPath;
    return Buffer.concat([Buffer.from(below(this.directory.accessPath, '')), this.#bytes]);
  }

  /** 1 for what stands in the root. */
  get depth(): number {
    return this.directory.depth + 1;
  }
}

/**
 * Visits what is below a directory, depth first and in the order of the names' bytes. A directory that cannot be read
 * is skipped and counted; one that vanished is skipped. Only an unreadable root is thrown, as the system's error. Depth
 * is not limited by the length of paths, and no more than a few milliseconds pass between two turns of the event loop.
 */
export async function walk(
  root: string,
  visitor: WalkVisitor,
  options: WalkOptions = {},
): Promise<WalkSummary> {
  const walker = new Walker(visitor, options);
  try {
    return await walker.run(root);
  } finally {
    walker.close();
  }
}

interface Frame {
  readonly directory: WalkedDirectory;
  readonly entries: readonly Found[];
  next: number;
  /** Held while the directory is accessed through it. */
  readonly descriptor: number | undefined;
  /** `dev:ino`, where links are followed. */
  readonly identity: string | undefined;
}

class Walker {
  readonly #visitor: WalkVisitor;
  readonly #options: WalkOptions;
  readonly #calls: FileCalls = fileCalls();
  readonly #stack: Frame[] = [];
  readonly #slice = new TimeSlice();
  /** Directories, where links are followed. */
  #entered = 0;
  #skipped = 0;
  #isStopped = false;

  constructor(visitor: WalkVisitor, options: WalkOptions) {
    this.#visitor = visitor;
    this.#options = options;
  }

  async run(root: string): Promise<WalkSummary> {
    if (this.#options.depth === 0) return { skipped: 0 };
    await this.#enter({ path: root, relativePath: '', accessPath: root, entryPath: root, depth: 0 });
    for (let frame = this.#stack.at(-1); frame && !this.#isStopped; frame = this.#stack.at(-1)) {
      const entry = frame.entries[frame.next];
      frame.next += 1;
      if (entry === undefined) await this.#leave(frame);
      else if (this.#options.hidden !== false || !entry.name.startsWith('.')) {
        const step = this.#visitEntry(entry, frame.directory);
        if (step) await step;
      }
      const pause = this.#slice.pause();
      if (pause) await this.#rest(pause);
    }
    return { skipped: this.#skipped };
  }

  close(): void {
    for (const { descriptor } of this.#stack.splice(0)) if (descriptor !== undefined) closeSync(descriptor);
  }

  /** A promise only where there is something to wait for: most entries are files that the visitor passes over. */
  #visitEntry(found: Found, directory: WalkedDirectory): Promise<void> | undefined {
    if (found.isSymbolicLink() && this.#options.follow) return this.#visitTarget(found, directory);
    const entry = new WalkEntry(found, typeOf(found), directory);
    const visited = this.#visitor.visit(entry);
    if (visited === undefined && entry.type !== 'directory') return undefined;
    return this.#goOn(visited, entry);
  }

  async #visitTarget(found: Found, directory: WalkedDirectory): Promise<void> {
    const link = new WalkEntry(found, 'symlink', directory);
    const target = await this.#followed(link);
    const entry = target === undefined ? link : new WalkEntry(found, typeOf(target), directory);
    await this.#goOn(this.#visitor.visit(entry), entry);
  }

  async #goOn(visited: VisitResult | Promise<VisitResult>, entry: WalkEntry): Promise<void> {
    const result = visited instanceof Promise ? await visited : visited;
    if (result === 'stop') this.#isStopped = true;
    const isWanted = entry.type === 'directory' && result === undefined;
    if (!isWanted || entry.depth >= (this.#options.depth ?? Infinity)) return;
    const { path, relativePath, accessPath, systemPath, depth } = entry;
    try {
      await this.#enter({ path, relativePath, accessPath, entryPath: systemPath, depth });
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return;
      this.#skipped += 1;
      await this.#visitor.unreadable?.(entry, error);
    }
  }

  async #enter(directory: WalkedDirectory): Promise<void> {
    const { accessPath, entryPath } = directory;
    const isIndirect = typeof entryPath !== 'string' || isTooLong(accessPath);
    const descriptor = isIndirect ? openDirectory(entryPath) : undefined;
    const accessed =
      descriptor === undefined ? directory : { ...directory, accessPath: `/proc/self/fd/${descriptor}` };
    try {
      const identity = this.#options.follow ? await this.#identify(accessed.accessPath) : undefined;
      if (this.#options.follow && !this.#isOpen(identity)) return;
      const listed = this.#calls.readdir(accessed.accessPath);
      const named: Found[] = listed instanceof Promise ? await listed : listed;
      const isText = !named.some(({ name }) => name.includes(REPLACEMENT));
      const entries = inByteOrder(isText ? named : await readBytes(accessed.accessPath));
      this.#stack.push({ directory: accessed, entries, next: 0, descriptor, identity });
    } finally {
      if (descriptor !== undefined && this.#stack.at(-1)?.descriptor !== descriptor) closeSync(descriptor);
    }
  }

  async #leave(frame: Frame): Promise<void> {
    const left = this.#visitor.leave?.(frame.directory);
    if (left) await left;
    this.#stack.pop();
    if (frame.descriptor !== undefined) closeSync(frame.descriptor);
  }

  async #identify(path: string): Promise<string | undefined> {
    const stats = await this.#calls.stat(path);
    return stats && `${stats.dev}:${stats.ino}`;
  }

  /** Whether a directory may be entered where links are followed: not from below itself, and not endlessly many. */
  #isOpen(identity: string | undefined): boolean {
    if (identity === undefined || this.#stack.some((frame) => frame.identity === identity)) return false;
    this.#entered += 1;
    if (this.#entered > FOLLOWED_DIRECTORIES) this.#skipped += 1;
    return this.#entered <= FOLLOWED_DIRECTORIES;
  }

  async #followed(link: WalkEntry): Promise<Stats | undefined> {
    try {
      const isWanted = this.#options.follow?.(await realpath(link.accessPath));
      return isWanted ? await this.#calls.stat(link.accessPath) : undefined;
    } catch {
      // Dangling, a loop, or a place that may not be entered: the link itself is what there is.
      return undefined;
    }
  }

  async #rest(pause: Promise<void>): Promise<void> {
    await pause;
    this.#options.signal?.throwIfAborted();
  }
}

/** What a directory entry or a stat is. */
export function typeOf(found: Found | Stats): FileType {
  if (found.isFile()) return 'file';
  if (found.isDirectory()) return 'directory';
  return found.isSymbolicLink() ? 'symlink' : 'other';
}

function below(directory: string, name: string): string {
  return directory.endsWith('/') ? directory + name : `${directory}/${name}`;
}

function isTooLong(path: string): boolean {
  return path.length > LONG_PATH_BYTES / UNIT_BYTES && Buffer.byteLength(path) > LONG_PATH_BYTES;
}

function openDirectory(path: string | Buffer): number {
  return openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
}

/** From here on the order of UTF-16 units is not the order of UTF-8 bytes. */
const HIGH = /[\uD800-\uFFFF]/;

function inByteOrder(entries: Found[]): Found[] {
  const isPlain = !entries.some(({ name }) => HIGH.test(name));
  if (isPlain) return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  return entries.sort((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)));
}

async function readBytes(path: string): Promise<Found[]> {
  const found = await readdir(path, { withFileTypes: true, encoding: 'buffer' });
  return found.map((entry) => {
    const name = entry.name.toString();
    return {
      name,
      ...(isUtf8(entry.name) ? {} : { bytes: entry.name }),
      isFile: () => entry.isFile(),
      isDirectory: () => entry.isDirectory(),
      isSymbolicLink: () => entry.isSymbolicLink(),
    };
  });
}
