import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises';
import { fileCalls } from '../filesystem/file-calls.ts';
import { fileNotFound } from '../filesystem/file-failure.ts';
import { TimeSlice } from '../os/time-slice.ts';
import type { FileType } from '../filesystem/walk.ts';
import { errorCode } from '../os/errno.ts';
import { WatchLimitError } from '../os/directory-watch.ts';
import type { DirectoryWatches, EntryChange } from '../os/directory-watch.ts';
import { ChangeResolver } from './change-resolver.ts';
import { DirectoryNode, endWatches } from './directory-node.ts';
import { lookAt } from './entry-look.ts';
import { isSameFile, markOfType, typeOfMark } from './entry-mark.ts';
import { EventLog } from './event-log.ts';
import type { IgnoreList } from './ignore-list.ts';
import type { WatchEvent } from './schema.ts';
import { TouchedNames } from './touched-names.ts';
import { TreeJournal } from './tree-journal.ts';
import { TreeScanner } from './tree-scanner.ts';
import type { ScannedTree } from './tree-scanner.ts';
import { TreeSnapshot } from './tree-snapshot.ts';
import type { EntryBudget } from './tree-snapshot.ts';

/** After events were lost, let the burst be over before everything is read again, ms. */
const REPAIR_PAUSE_MS = 50;

/** The system takes paths of 4,095 bytes, and an entry of this directory has a name of up to 255. */
const LONGEST_PATH_BYTES = 4_095 - 256;

/** A ready reason: abort() without one builds an exception with a stack. */
const STOPPED = new Error('the watch has ended');

/** What is watched. */
export interface WatchTarget {
  /** Real path of the directory. */
  readonly directory: string;
  /** The only name in it that counts; undefined for all. */
  readonly file: string | undefined;
  readonly isRecursive: boolean;
  readonly ignored: IgnoreList;
}

export interface TreeWatchServices {
  readonly watches: DirectoryWatches;
  readonly budget: EntryBudget;
  /** Called when what is watched is gone. */
  readonly onGone: () => void;
}

/** One tree that is watched, for any number of readers of its log. Disposing it ends the log and all its watches. */
export class TreeWatch implements AsyncDisposable {
  readonly log = new EventLog();
  readonly #target: WatchTarget;
  readonly #services: TreeWatchServices;
  readonly #stopped = new AbortController();
  readonly #root: DirectoryNode;
  readonly #snapshot: TreeSnapshot;
  readonly #journal: TreeJournal;
  readonly #scanner: TreeScanner;
  readonly #resolver: ChangeResolver;
  readonly #touched = new TouchedNames();
  readonly #unread = new Set<DirectoryNode>();
  #isRootTouched = false;
  #isLost = false;
  #isAtLimit = false;
  #skipped = 0;
  #working: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(target: WatchTarget, services: TreeWatchServices) {
    this.#target = target;
    this.#services = services;
    this.#root = new DirectoryNode(target.directory);
    this.#snapshot = new TreeSnapshot(this.#root, services.budget);
    this.#journal = new TreeJournal(this.#snapshot, this.log);
    const tree: ScannedTree = {
      journal: this.#journal,
      isRecursive: target.isRecursive,
      ignored: target.ignored,
      signal: this.#stopped.signal,
      unread: this.#unread,
      onUnreadable: () => (this.#skipped += 1),
      watch: (node, accessPath) => this.#watch(node, accessPath),
    };
    this.#scanner = new TreeScanner(tree);
    this.#resolver = new ChangeResolver(tree, this.#scanner);
  }

  /** Watches and reads everything. Throws the system's error for the root, or WatchLimitError. */
  async start(): Promise<void> {
    this.#working = this.#readFirst().finally(() => (this.#working = undefined));
    await this.#working;
    this.#journal.isTelling = true;
    if (this.#hasWork) this.#wake();
  }

  /** The first event of a reader that begins now. */
  ready(): WatchEvent {
    return {
      type: 'ready',
      ...this.#watched(),
      entries: this.#snapshot.entries,
      directories: countDirectories(this.#root),
      skipped: this.#skipped,
      compact: this.#snapshot.isCompact,
      timestamp: Date.now(),
    };
  }

  /** For a reader that fell so far behind that its events were dropped. */
  slowClient(): WatchEvent {
    return { type: 'overflow', ...this.#watched(), reason: 'slow-client', timestamp: Date.now() };
  }

  /** Events may be missing: everything is read again. */
  lose(): void {
    this.#isLost = true;
    this.#touched.take();
    this.#wake();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped.abort(STOPPED);
    this.log.close();
    await this.#working?.catch(() => undefined);
    clearTimeout(this.#timer);
    await this.#journal.publishAll();
    await endWatches(this.#root, new TimeSlice());
    this.#snapshot[Symbol.dispose]();
  }

  async #readFirst(): Promise<void> {
    const { directory, file } = this.#target;
    this.#root.watch = this.#services.watches.open(directory, (name, change) =>
      this.#touch(this.#root, name, change),
    );
    const mark = await lookAt(fileCalls(), directory);
    if (typeof mark !== 'number') throw fileNotFound(`no such directory: ${directory}`);
    this.#root.mark = mark;
    if (file === undefined) {
      await this.#scanner.scan(this.#root, 'skipped');
      return;
    }
    const path = this.#root.pathOf(file);
    const fileMark = await lookAt(fileCalls(), path);
    if (typeof fileMark !== 'number') throw fileNotFound(`no such file: ${path}`);
    this.#journal.created({ directory: this.#root, name: file }, fileMark);
  }

  #watched(): { path: string; kind: FileType } {
    const { directory, file } = this.#target;
    if (file === undefined) return { path: directory, kind: 'directory' };
    return { path: this.#root.pathOf(file), kind: typeOfMark(this.#root.markOf(file) ?? markOfType('file')) };
  }

  #watch(node: DirectoryNode, accessPath: string): Disposable | undefined {
    const { path } = node;
    try {
      if (Buffer.byteLength(path) > LONGEST_PATH_BYTES) throw new Error('the paths in it are too long');
      const watch = this.#services.watches.open(accessPath, (name, change) =>
        this.#touch(node, name, change),
      );
      this.#isAtLimit = false;
      return watch;
    } catch (error) {
      if (error instanceof WatchLimitError) this.#limitReached(path, error);
      else if (errorCode(error) !== 'ENOENT' && errorCode(error) !== 'ENOTDIR') this.#skipped += 1;
      return undefined;
    }
  }

  #limitReached(path: string, error: WatchLimitError): void {
    if (!this.#journal.isTelling) throw error;
    if (!this.#isAtLimit) this.#journal.overflow(path, 'watch-limit');
    this.#isAtLimit = true;
  }

  #touch(directory: DirectoryNode, name: string | undefined, change: EntryChange): void {
    if (this.#isLost) return;
    if (name === undefined) this.#touchItself(directory);
    else if (!this.#isWatched(directory, name)) return;
    else if (!this.#touched.add(directory, name, change)) this.#isLost = true;
    this.#wake();
  }

  #touchItself(directory: DirectoryNode): void {
    if (directory === this.#root) this.#isRootTouched = true;
    else if (directory.parent) this.#touched.addSelf(directory.parent, directory.name);
  }

  #isWatched(directory: DirectoryNode, name: string): boolean {
    const { file, ignored } = this.#target;
    return file === undefined ? !ignored.ignores(directory, name) : name === file;
  }

  get #hasWork(): boolean {
    const isFresh = this.#snapshot.fresh.some((directory) => !this.#unread.has(directory));
    return this.#isLost || this.#isRootTouched || this.#touched.size > 0 || isFresh;
  }

  #wake(): void {
    if (this.#working || !this.#journal.isTelling || this.#stopped.signal.aborted || this.log.isClosed)
      return;
    clearTimeout(this.#timer);
    this.#working = this.#work();
  }

  async #work(): Promise<void> {
    try {
      do {
        // Everything that the system has to tell in this turn is one batch.
        await nextTurn();
        await this.#catchUp();
      } while (this.#hasWork && !this.#stopped.signal.aborted && !this.log.isClosed);
    } catch (error) {
      if (!this.#stopped.signal.aborted) this.#end(error instanceof Error ? error : new Error(String(error)));
    }
    this.#working = undefined;
    const { due } = this.#journal;
    if (due === undefined || this.log.isClosed) return;
    this.#timer = setTimeout(() => this.#wake(), Math.max(due - performance.now(), 0) + 1);
  }

  async #catchUp(): Promise<void> {
    const { fresh } = this.#snapshot;
    const touches = this.#isLost ? [] : this.#touched.take();
    const postponed = await this.#resolver.resolve(touches);
    this.#touched.postpone(postponed);
    await this.#readUnread();
    this.#snapshot.forgetFresh(fresh.filter((directory) => !this.#unread.has(directory)));
    if (this.#isLost) await this.#repair();
    // The move of a directory above the root shows only as paths that lead elsewhere.
    if (this.#isRootTouched || postponed.length > 0) await this.#checkRoot();
    await this.#journal.publish();
    const { file } = this.#target;
    const isGone = file !== undefined && this.#root.markOf(file) === undefined;
    if (isGone && this.#journal.due === undefined) this.#end();
  }

  /** Directories that moved while they were read; where they are is known when the system has told of the move. */
  async #readUnread(): Promise<void> {
    const unread = [...this.#unread];
    this.#unread.clear();
    for (const directory of unread) {
      if (this.#snapshot.isAttached(directory)) await this.#scanner.scan(directory, 'entered');
    }
  }

  async #repair(): Promise<void> {
    await delay(REPAIR_PAUSE_MS, undefined, { signal: this.#stopped.signal });
    this.#touched.take();
    this.#isLost = false;
    await this.#checkRoot();
    if (this.log.isClosed) return;
    await this.#journal.publishAll();
    this.#skipped = 0;
    if (this.#target.file === undefined) await this.#scanner.scan(this.#root, 'entered');
    else this.#touched.add(this.#root, this.#target.file, 'content');
    this.#journal.overflow(this.#watched().path, 'events-lost');
  }

  async #checkRoot(): Promise<void> {
    const mark = await lookAt(fileCalls(), this.#root.path);
    const { file } = this.#target;
    if (mark === 'unknown' || (mark !== undefined && isSameFile(mark, this.#root.mark))) {
      if (this.#isRootTouched && file === undefined) this.#journal.rootModified();
      this.#isRootTouched = false;
      return;
    }
    await this.#journal.publishAll();
    if (file === undefined || this.#root.markOf(file) !== undefined)
      this.log.append({ type: 'delete', ...this.#watched(), timestamp: Date.now() });
    this.#end();
  }

  #end(failure?: Error): void {
    this.log.close(failure);
    this.#services.onGone();
  }
}

function countDirectories(root: DirectoryNode): number {
  let count = 0;
  const pending = [root];
  for (let node = pending.pop(); node; node = pending.pop()) {
    count += 1;
    for (const below of node.directories.values()) pending.push(below);
  }
  return count;
}
