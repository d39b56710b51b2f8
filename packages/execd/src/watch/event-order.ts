import type { DirectoryNode } from './directory-node.ts';
import type { EntryMark } from './entry-mark.ts';
import type { WatchEvent } from './schema.ts';

/** Something that is gone, and may turn up under another name. */
export interface Departure {
  readonly path: string;
  readonly mark: EntryMark;
  /** The directory with all that is known below it, when it was watched. */
  readonly node: DirectoryNode | undefined;
}

/** How long what is gone may turn up again, ms: both halves of a rename come within microseconds of each other. */
const HOLD_MS = 20;

/** So many items that are done are kept before they are cut off. */
const SLACK = 1_024;

interface HeldDeparture {
  readonly departure: Departure;
  /** On the clock of performance.now(). */
  readonly due: number;
  state: 'open' | 'closed' | 'cancelled';
}

/**
 * Events in their order, some of which wait behind a departure that may still become a rename; for a moment only.
 */
export class EventOrder {
  #items: (WatchEvent | HeldDeparture)[] = [];
  #head = 0;
  readonly #openByMark = new Map<EntryMark, HeldDeparture>();
  readonly #openByPath = new Map<string, HeldDeparture>();

  get length(): number {
    return this.#items.length - this.#head;
  }

  /** When the first item goes on if nothing turns up, on the clock of performance.now(); undefined without items. */
  get due(): number | undefined {
    const item = this.#items[this.#head];
    if (item === undefined) return undefined;
    return 'departure' in item && item.state === 'open' ? item.due : 0;
  }

  push(event: WatchEvent): void {
    this.#items.push(event);
  }

  /** With `mayTurnUp` it is held for a moment, and can be taken back meanwhile. */
  depart(departure: Departure, mayTurnUp: boolean): void {
    const due = performance.now() + HOLD_MS;
    const item: HeldDeparture = { departure, due, state: mayTurnUp ? 'open' : 'closed' };
    this.#items.push(item);
    if (!mayTurnUp) return;
    this.#openByMark.set(departure.mark, item);
    this.#openByPath.set(departure.path, item);
  }

  /** Takes back the departure of that file: it turned up. */
  takeByMark(mark: EntryMark): Departure | undefined {
    return this.#take(this.#openByMark.get(mark));
  }

  /** Takes back the departure from that path if the condition holds for it: there is something again. */
  takeByPath(path: string, condition: (departure: Departure) => boolean): Departure | undefined {
    const item = this.#openByPath.get(path);
    return item && condition(item.departure) ? this.#take(item) : undefined;
  }

  /** What departed from that path does not turn up any more: something else has its place. */
  closeAt(path: string): void {
    const item = this.#openByPath.get(path);
    if (!item) return;
    this.#forget(item);
    item.state = 'closed';
  }

  /** From now on no departure becomes a rename: a directory has moved, and paths are not what they were. */
  closeAll(): void {
    for (const item of this.#openByMark.values()) item.state = 'closed';
    for (const item of this.#openByPath.values()) item.state = 'closed';
    this.#openByMark.clear();
    this.#openByPath.clear();
  }

  /** Takes out the next item that need not wait. */
  next(): WatchEvent | Departure | undefined {
    for (let item = this.#items[this.#head]; item; item = this.#items[this.#head]) {
      if (!('departure' in item)) {
        this.#advance();
        return item;
      }
      if (item.state === 'open' && item.due > performance.now()) return undefined;
      this.#advance();
      this.#forget(item);
      if (item.state !== 'cancelled') return item.departure;
    }
    return undefined;
  }

  #advance(): void {
    this.#head += 1;
    if (this.#head < this.#items.length && this.#head < SLACK) return;
    this.#items = this.#items.slice(this.#head);
    this.#head = 0;
  }

  #take(item: HeldDeparture | undefined): Departure | undefined {
    if (!item) return undefined;
    this.#forget(item);
    item.state = 'cancelled';
    return item.departure;
  }

  #forget(item: HeldDeparture): void {
    const { mark, path } = item.departure;
    if (this.#openByMark.get(mark) === item) this.#openByMark.delete(mark);
    if (this.#openByPath.get(path) === item) this.#openByPath.delete(path);
  }
}
