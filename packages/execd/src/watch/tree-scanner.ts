import { fileCalls } from '../filesystem/file-calls.ts';
import type { FileCalls } from '../filesystem/file-calls.ts';
import { errorCode } from '../os/errno.ts';
import { walk } from '../filesystem/walk.ts';
import type { VisitResult, WalkEntry, WalkVisitor, WalkedDirectory } from '../filesystem/walk.ts';
import { DirectoryNode } from './directory-node.ts';
import type { Place } from './directory-node.ts';
import { lookAt } from './entry-look.ts';
import { isSameFile, markOfType, typeOfMark } from './entry-mark.ts';
import type { EntryMark } from './entry-mark.ts';
import type { IgnoreList } from './ignore-list.ts';
import type { TreeJournal } from './tree-journal.ts';

/** The tree that is read. */
export interface ScannedTree {
  readonly journal: TreeJournal;
  readonly isRecursive: boolean;
  readonly ignored: IgnoreList;
  readonly signal: AbortSignal;
  /** Watched directories that moved while they were read. */
  readonly unread: Set<DirectoryNode>;
  /** Called for each watched directory that may not be read. */
  onUnreadable(): void;
  /** Opens the watch of a directory; undefined when it cannot be watched. */
  watch(node: DirectoryNode, accessPath: string): Disposable | undefined;
}

/** What becomes of directories below that are known already. */
type KnownDirectories = 'entered' | 'skipped';

/**
 * Reads directories and tells the journal what differs from what is known. A directory is watched before it is read, so
 * whatever happens to it is either seen by the reading or told by the watch.
 */
export class TreeScanner {
  readonly #tree: ScannedTree;

  constructor(tree: ScannedTree) {
    this.#tree = tree;
  }

  /** Reads a directory that is watched, and below. Throws the signal's reason. */
  async scan(directory: DirectoryNode, known: KnownDirectories): Promise<void> {
    const depth = this.#tree.isRecursive ? {} : { depth: 1 };
    const scan = new Scan(this.#tree, directory, known);
    try {
      await walk(directory.path, scan, { ...depth, signal: this.#tree.signal });
    } catch (error) {
      this.#tree.signal.throwIfAborted();
      // The system's, of the directory itself, which is unread then.
      if (errorCode(error) === undefined) throw error;
    }
    for (const unread of scan.unread) await this.#judgeUnread(unread);
  }

  async #judgeUnread(directory: DirectoryNode): Promise<void> {
    const mark = await lookAt(fileCalls(), directory.path);
    if (typeof mark === 'number' && isSameFile(mark, directory.mark)) this.#tree.onUnreadable();
    else this.#tree.unread.add(directory);
  }

  /** Watches a directory that is new, and gives it to the journal, unread; undefined when it is none or cannot be watched. */
  open(place: Place, accessPath: string): Promise<DirectoryNode | undefined> {
    return openDirectory(this.#tree, fileCalls(), place, accessPath);
  }

  /** Watches a directory anew, whose watch may have ended, and reads it. */
  async reopen(node: DirectoryNode): Promise<void> {
    const fresh = this.#tree.watch(node, node.path);
    if (!fresh) return;
    node.watch?.[Symbol.dispose]();
    node.watch = fresh;
    await this.scan(node, 'skipped');
  }
}

class Scan implements WalkVisitor {
  readonly #tree: ScannedTree;
  readonly #known: KnownDirectories;
  readonly #calls: FileCalls = fileCalls();
  /** By depth, the directories in which the walk is. */
  readonly #directories: DirectoryNode[];
  /** By depth, the names seen in them, where names were known before. */
  readonly #seen: (Set<string> | undefined)[] = [];
  /** Directories that were to be read, and were not. */
  readonly unread: Set<DirectoryNode>;

  constructor(tree: ScannedTree, directory: DirectoryNode, known: KnownDirectories) {
    this.#tree = tree;
    this.#known = known;
    this.#directories = [directory];
    this.#seen[0] = seenIn(directory);
    this.unread = new Set([directory]);
  }

  visit(entry: WalkEntry): VisitResult | Promise<VisitResult> {
    const { journal } = this.#tree;
    return journal.isFull ? journal.publish().then(() => this.#visit(entry)) : this.#visit(entry);
  }

  async leave({ depth, accessPath }: WalkedDirectory): Promise<void> {
    const directory = this.#directories[depth];
    if (!directory) return;
    const mark = await lookAt(this.#calls, accessPath);
    // Another one has its path by now, which is perhaps what was read.
    if (typeof mark !== 'number' || !isSameFile(mark, directory.mark)) return;
    this.unread.delete(directory);
    const seen = this.#seen[depth];
    if (seen) this.#removeUnseen(directory, seen);
  }

  #removeUnseen(directory: DirectoryNode, seen: ReadonlySet<string>): void {
    const names = [...directory.directories.keys(), ...directory.leaves.keys()];
    for (const name of names.filter((known) => !seen.has(known))) {
      const mark = directory.markOf(name);
      if (mark !== undefined) this.#tree.journal.removed({ directory, name }, mark);
    }
  }

  #visit(entry: WalkEntry): VisitResult | Promise<VisitResult> {
    const { name } = entry;
    const { depth } = entry.directory;
    const directory = this.#directories[depth];
    if (!directory || this.#tree.ignored.ignores(directory, name)) return false;
    this.#seen[depth]?.add(name);
    const place = { directory, name };
    if (entry.type === 'directory' && this.#tree.isRecursive) return this.#visitDirectory(place, entry);
    return this.#visitLeaf(place, entry);
  }

  #visitLeaf(place: Place, entry: WalkEntry): false | Promise<false> {
    const { journal } = this.#tree;
    if (journal.snapshot.isCompact) {
      this.#countLeaf(place, markOfType(entry.type));
      return false;
    }
    const mark = lookAt(this.#calls, entry.accessPath);
    if (mark instanceof Promise) return mark.then((found) => this.#noticeLeaf(place, found));
    return this.#noticeLeaf(place, mark);
  }

  #noticeLeaf(place: Place, mark: EntryMark | 'unknown' | undefined): false {
    if (typeof mark === 'number') this.#tree.journal.noticed(place, mark);
    return false;
  }

  /** In a compact tree nobody knows whether it was there before, but in a directory that is new. */
  #countLeaf(place: Place, mark: EntryMark): void {
    const { journal } = this.#tree;
    if (!journal.isTelling || journal.snapshot.isFresh(place.directory)) journal.noticed(place, mark);
  }

  async #visitDirectory(place: Place, entry: WalkEntry): Promise<VisitResult> {
    const { journal } = this.#tree;
    const known = place.directory.directories.get(place.name);
    if (!journal.isTelling && !known) return this.#enter(entry, await this.#open(place, entry));
    const mark = await lookAt(this.#calls, entry.accessPath);
    if (typeof mark !== 'number') return false;
    if (known && isSameFile(known.mark, mark))
      return this.#known === 'entered' ? this.#enter(entry, known) : false;
    if (typeOfMark(mark) === 'directory' && journal.renamed(place, mark))
      return this.#enter(entry, place.directory.directories.get(place.name));
    return this.#enter(entry, await this.#open(place, entry));
  }

  #open(place: Place, entry: WalkEntry): Promise<DirectoryNode | undefined> {
    return openDirectory(this.#tree, this.#calls, place, entry.accessPath);
  }

  #enter(entry: WalkEntry, directory: DirectoryNode | undefined): VisitResult {
    if (!directory) return false;
    this.unread.add(directory);
    this.#directories[entry.depth] = directory;
    this.#seen[entry.depth] = seenIn(directory);
  }
}

async function openDirectory(
  tree: ScannedTree,
  calls: FileCalls,
  place: Place,
  accessPath: string,
): Promise<DirectoryNode | undefined> {
  const { journal } = tree;
  const node = new DirectoryNode(place.name, place.directory);
  const mark = await lookAt(calls, accessPath);
  if (typeof mark !== 'number' || typeOfMark(mark) !== 'directory') return undefined;
  node.watch = tree.watch(node, accessPath);
  const known = place.directory.directories.get(place.name);
  const isBack = known !== undefined && isSameFile(known.mark, mark);
  // Back again before anybody was told that it was gone, but not read in between.
  if (isBack) tree.unread.add(known);
  // Or exchanged, for a link perhaps, which is not to be followed; then its name will be told again.
  const isExchanged = (await lookAt(calls, accessPath)) !== mark;
  if (isBack || isExchanged || !node.watch) {
    discard(node);
    if (!isBack && !isExchanged) journal.noticed(place, mark);
    return undefined;
  }
  const before = place.directory.markOf(place.name);
  if (before !== undefined && isSameFile(before, mark)) {
    // Known, but it could not be watched until now.
    journal.snapshot.put(place, mark, node);
    return node;
  }
  if (before !== undefined) journal.removed(place, before);
  journal.created(place, mark, node);
  if (journal.isTelling) journal.snapshot.keepFresh(node);
  return node;
}

/** What its watch has told meanwhile is of nowhere. */
function discard(node: DirectoryNode): void {
  node.watch?.[Symbol.dispose]();
  node.parent = undefined;
  node.isReleased = true;
}

/** For a directory of which nothing is known there is nothing that could be gone. */
function seenIn(directory: DirectoryNode): Set<string> | undefined {
  return directory.directories.size + directory.leaves.size > 0 ? new Set() : undefined;
}
