import { fileCalls } from '../filesystem/file-calls.ts';
import type { FileCalls } from '../filesystem/file-calls.ts';
import { TimeSlice } from '../os/time-slice.ts';
import type { DirectoryNode, Place } from './directory-node.ts';
import { lookAt } from './entry-look.ts';
import { isSameFile, markOfType, typeOfMark } from './entry-mark.ts';
import type { EntryMark } from './entry-mark.ts';
import type { Touch } from './touched-names.ts';
import type { TreeJournal } from './tree-journal.ts';
import type { ScannedTree, TreeScanner } from './tree-scanner.ts';

/** Directories that moved within directories that moved, this many levels at the most. */
const MOVE_ROUNDS = 8;

/** What a look gives when the path no longer leads to the directory in which the name was touched. */
const ELSEWHERE = 'elsewhere';

/**
 * Finds out what happened to names of which the system only says that something did: looks at what stands there now,
 * and compares that with what is known.
 */
export class ChangeResolver {
  readonly #tree: ScannedTree;
  readonly #journal: TreeJournal;
  readonly #scanner: TreeScanner;

  constructor(tree: ScannedTree, scanner: TreeScanner) {
    this.#tree = tree;
    this.#journal = tree.journal;
    this.#scanner = scanner;
  }

  /**
   * Tells the journal. Returns the touches that cannot be judged yet: a directory on the way to them has moved, of which
   * the system will tell next. Throws the signal's reason.
   */
  async resolve(touches: readonly Touch[]): Promise<Touch[]> {
    const slice = new TimeSlice();
    const calls = fileCalls();
    for (let round = 0; round < MOVE_ROUNDS; round += 1) {
      this.#journal.leaving = await this.#findLeaving(touches, calls, slice);
      if (!(await this.#moveDirectories(touches, calls, slice))) break;
    }
    const postponed: Touch[] = [];
    for (const touch of touches) {
      if (!(await this.#apply(touch, calls))) postponed.push(touch);
      await this.#rest(slice);
    }
    this.#journal.leaving = new Map();
    return postponed;
  }

  /** The names that hold another file now than is known, or none, by the mark of the one that is known. */
  async #findLeaving(
    touches: readonly Touch[],
    calls: FileCalls,
    slice: TimeSlice,
  ): Promise<Map<EntryMark, Place>> {
    const leaving = new Map<EntryMark, Place>();
    for (const touch of touches) {
      const { directory, name } = touch;
      const before = touch.isNamed || touch.isSelf ? directory.markOf(name) : undefined;
      if (before === undefined) continue;
      touch.isKnown = true;
      const now = await lookAt(calls, directory.pathOf(name));
      const isLeaving = now === undefined || (now !== 'unknown' && !isSameFile(before, now));
      if (isLeaving) leaving.set(before, { directory, name });
      await this.#rest(slice);
    }
    return leaving;
  }

  /**
   * Directories that have another name now come first: the paths of what happened below them depend on it. True when
   * there were any.
   */
  async #moveDirectories(touches: readonly Touch[], calls: FileCalls, slice: TimeSlice): Promise<boolean> {
    const leaving = [...this.#journal.leaving.values()];
    if (!leaving.some(({ directory, name }) => directory.directories.has(name))) return false;
    let hasMoved = false;
    for (const touch of touches) {
      if (!touch.isNamed) continue;
      const now = await this.#look(touch, calls);
      const isNew = typeof now === 'number' && typeOfMark(now) === 'directory' && !isKnown(touch, now);
      if (isNew && this.#renamed(touch, now)) hasMoved = true;
      await this.#rest(slice);
    }
    return hasMoved;
  }

  /** False when it has to wait. */
  async #apply(touch: Touch, calls: FileCalls): Promise<boolean> {
    const now = await this.#look(touch, calls);
    if (now === ELSEWHERE) return false;
    if (now === 'unknown') return true;
    const before = touch.directory.markOf(touch.name);
    if (now === undefined) this.#vanished(touch, before);
    else if (before !== undefined && isSameFile(before, now)) await this.#isStillThere(touch, now);
    else if (typeOfMark(now) === 'directory' && this.#tree.isRecursive)
      await this.#directoryAppeared(touch, now, calls);
    else if (before === undefined && this.#isOnlyModified(touch)) this.#journal.modified(touch, now);
    else this.#journal.noticed(touch, now);
    return true;
  }

  /** What stands there, in that very directory; `unknown` also for a directory that is gone. */
  async #look(
    { directory, name }: Place,
    calls: FileCalls,
  ): Promise<ReturnType<typeof lookAt> | 'elsewhere'> {
    const { top } = directory;
    if (top !== this.#journal.snapshot.root) return top.isReleased ? 'unknown' : ELSEWHERE;
    const found = lookAt(calls, directory.pathOf(name));
    const now = found instanceof Promise ? await found : found;
    return (await leadsTo(directory, calls)) ? now : ELSEWHERE;
  }

  /** What is not known may have been there all the time in a compact tree, but in a directory that is new. */
  #isOnlyModified({ directory, isNamed }: Touch): boolean {
    const { snapshot } = this.#journal;
    return snapshot.isCompact && !snapshot.isFresh(directory) && !isNamed;
  }

  #vanished(touch: Touch, before: EntryMark | undefined): void {
    const { isCompact } = this.#journal.snapshot;
    // Nobody could tell what happened in a compact tree while it was nowhere.
    if (before !== undefined) this.#journal.removed(touch, before, !isCompact);
    // In a compact tree that may be any file; in others it came and went before anybody looked.
    else if (isCompact && touch.isNamed && !touch.isKnown) this.#journal.removed(touch, markOfType('file'));
  }

  async #isStillThere(touch: Touch, now: EntryMark): Promise<void> {
    const node = touch.directory.directories.get(touch.name);
    if (node && !touch.isSelf) return;
    if (node || touch.isContent || typeOfMark(now) === 'directory') this.#journal.modified(touch, now);
    // Removed and made again, its watch would have ended.
    if (node) await this.#scanner.reopen(node);
  }

  async #directoryAppeared(touch: Touch, now: EntryMark, calls: FileCalls): Promise<void> {
    if (this.#renamed(touch, now)) return;
    const { directory, name } = touch;
    const node = await this.#scanner.open(touch, directory.pathOf(name));
    if (node) await this.#scanner.scan(node, 'entered');
    // The path may have led elsewhere meanwhile, and what was read is not what is in there.
    if (!(await leadsTo(directory, calls))) this.#tree.unread.add(directory);
  }

  #renamed(touch: Touch, now: EntryMark): boolean {
    const renamed = this.#journal.renamed(touch, now);
    const node = touch.directory.directories.get(touch.name);
    if (renamed === 'turned-up' && node) this.#tree.unread.add(node);
    return renamed !== undefined;
  }

  async #rest(slice: TimeSlice): Promise<void> {
    const pause = slice.pause();
    if (!pause) return;
    await pause;
    this.#tree.signal.throwIfAborted();
  }
}

function isKnown({ directory, name }: Place, now: EntryMark): boolean {
  const before = directory.markOf(name);
  return before !== undefined && isSameFile(before, now);
}

/** Whether the path of the directory leads to it; also when nobody may look. */
async function leadsTo(directory: DirectoryNode, calls: FileCalls): Promise<boolean> {
  const mark = await lookAt(calls, directory.path);
  return mark === 'unknown' || (mark !== undefined && isSameFile(mark, directory.mark));
}
