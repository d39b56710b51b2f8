import { TimeSlice } from '../os/time-slice.ts';
import { endWatches, entriesBelow } from './directory-node.ts';
import type { DirectoryNode, Place } from './directory-node.ts';
import { isSameFile, typeOfMark } from './entry-mark.ts';
import type { EntryMark } from './entry-mark.ts';
import type { EventLog } from './event-log.ts';
import { EventOrder } from './event-order.ts';
import type { Departure } from './event-order.ts';
import type { WatchEvent } from './schema.ts';
import type { TreeSnapshot } from './tree-snapshot.ts';

/** So many events may wait for their turn. */
const BACKLOG = 1_000;

/**
 * Every change of what is known of a tree, as an event. The events, applied one by one to what was there at the start,
 * give what is known now.
 */
export class TreeJournal {
  readonly snapshot: TreeSnapshot;
  /** False while the tree is read for the first time. */
  isTelling = false;
  readonly #log: EventLog;
  readonly #order = new EventOrder();
  readonly #released: DirectoryNode[] = [];
  /** The names that hold another file now than is known, or none: by the mark of the file that left them. */
  leaving: ReadonlyMap<EntryMark, Place> = new Map();

  constructor(snapshot: TreeSnapshot, log: EventLog) {
    this.snapshot = snapshot;
    this.#log = log;
  }

  created(place: Place, mark: EntryMark, node?: DirectoryNode): void {
    this.snapshot.add(place, mark, node);
    if (!this.isTelling) return;
    const path = pathOf(place);
    this.#order.closeAt(path);
    this.#tell({ type: 'create', path, kind: typeOfMark(mark), timestamp: Date.now() });
  }

  /** Also when another file took the place of the one that is known. */
  modified(place: Place, mark: EntryMark): void {
    if (!place.directory.directories.has(place.name)) this.snapshot.put(place, mark);
    this.#tell({ type: 'modify', path: pathOf(place), kind: typeOfMark(mark), timestamp: Date.now() });
  }

  /** With all that is known below it, if it is a directory. With `mayTurnUp` it may become a rename yet. */
  removed(place: Place, mark: EntryMark, mayTurnUp = false): void {
    const path = pathOf(place);
    const node = place.directory.detach(place.name);
    if (node) this.#order.closeAll();
    this.#order.depart({ path, mark, node }, mayTurnUp);
  }

  /** A file that is no directory to be watched stands there, which may be known already. */
  noticed(place: Place, mark: EntryMark): void {
    const before = place.directory.markOf(place.name);
    if (before !== undefined && isSameFile(before, mark)) return;
    if (this.renamed(place, mark) || (before === undefined && this.#returned(place, mark))) return;
    if (before !== undefined && typeOfMark(before) === typeOfMark(mark)) {
      this.modified(place, mark);
      return;
    }
    if (before !== undefined) this.removed(place, before);
    this.created(place, mark);
  }

  /**
   * Tells a rename when the file that stands there now is known from elsewhere. `turned-up`: it was nowhere for a
   * moment, and what happened in it meanwhile is not known.
   */
  renamed(place: Place, mark: EntryMark): 'moved' | 'turned-up' | undefined {
    const source = this.#placeLeft(place, mark) ?? this.#order.takeByMark(mark);
    if (!source) return undefined;
    const from = 'path' in source ? source.path : pathOf(source);
    const node = 'path' in source ? source.node : source.directory.detach(source.name);
    if (node) this.#order.closeAll();
    this.#replace(place);
    this.snapshot.put(place, mark, node);
    this.#tellRename(place, mark, from);
    return 'path' in source ? 'turned-up' : 'moved';
  }

  /** The attributes of the root have changed. */
  rootModified(): void {
    const { path } = this.snapshot.root;
    this.#tell({ type: 'modify', path, kind: 'directory', timestamp: Date.now() });
  }

  overflow(path: string, reason: 'events-lost' | 'watch-limit'): void {
    this.#tell({ type: 'overflow', path, kind: 'directory', reason, timestamp: Date.now() });
  }

  /** When `publish` has something to do again, on the clock of performance.now(). */
  get due(): number | undefined {
    return this.#released.length > 0 ? 0 : this.#order.due;
  }

  get isFull(): boolean {
    return this.#order.length > BACKLOG;
  }

  /** Gives the log what need not wait, and ends the watches of what is gone. */
  async publish(): Promise<void> {
    const slice = new TimeSlice();
    for (let item = this.#order.next(); item; item = this.#order.next()) {
      if ('mark' in item) await this.#publishDeparture(item, slice);
      else this.#log.append(item);
      await slice.pause();
    }
    for (let node = this.#released.pop(); node; node = this.#released.pop()) await endWatches(node, slice);
  }

  /** Also what would wait for a moment. */
  async publishAll(): Promise<void> {
    this.#order.closeAll();
    await this.publish();
  }

  async #publishDeparture({ path, mark, node }: Departure, slice: TimeSlice): Promise<void> {
    const timestamp = Date.now();
    for (const below of node ? entriesBelow(node, path) : []) {
      this.snapshot.discount();
      this.#log.append({ type: 'delete', path: below.path, kind: typeOfMark(below.mark), timestamp });
      await slice.pause();
    }
    this.snapshot.discount();
    this.#log.append({ type: 'delete', path, kind: typeOfMark(mark), timestamp });
    if (node) this.#release(node);
  }

  /** When a file is at a path again from which one vanished a moment ago: tells that it was modified and gives true. */
  #returned(place: Place, mark: EntryMark): boolean {
    const departure = this.#order.takeByPath(
      pathOf(place),
      (earlier) => earlier.node === undefined && typeOfMark(earlier.mark) === typeOfMark(mark),
    );
    if (departure) this.modified(place, mark);
    return departure !== undefined;
  }

  #tellRename(place: Place, mark: EntryMark, from: string): void {
    const path = pathOf(place);
    const event = { path, kind: typeOfMark(mark), timestamp: Date.now() };
    this.#order.closeAt(path);
    if (path !== from) this.#tell({ type: 'rename', ...event, from });
    // Moved away and back.
    else if (event.kind !== 'directory') this.#tell({ type: 'modify', ...event });
  }

  #placeLeft(target: Place, mark: EntryMark): Place | undefined {
    const source = this.leaving.get(mark);
    const known = source?.directory.markOf(source.name);
    if (!source || known === undefined || !isSameFile(known, mark)) return undefined;
    if (!this.snapshot.isAttached(source.directory)) return undefined;
    const moving = source.directory.directories.get(source.name);
    const replaced = target.directory.directories.get(target.name);
    // Neither into itself nor in place of what it is in: more has happened than one rename.
    if (moving && target.directory.isIn(moving)) return undefined;
    return replaced && source.directory.isIn(replaced) ? undefined : source;
  }

  /** What is known of that place is overwritten: the event that says so implies it. */
  #replace({ directory, name }: Place): void {
    if (directory.markOf(name) === undefined) return;
    const node = directory.detach(name);
    if (node) {
      for (const _below of entriesBelow(node, '')) this.snapshot.discount();
      this.#order.closeAll();
      this.#release(node);
    }
    this.snapshot.discount();
  }

  #release(node: DirectoryNode): void {
    node.isReleased = true;
    this.#released.push(node);
  }

  #tell(event: WatchEvent): void {
    if (!this.isTelling) return;
    if (this.#order.length === 0) this.#log.append(event);
    else this.#order.push(event);
  }
}

function pathOf({ directory, name }: Place): string {
  return directory.pathOf(name);
}
