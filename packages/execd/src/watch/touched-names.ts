import type { EntryChange } from '../os/directory-watch.ts';
import type { DirectoryNode, Place } from './directory-node.ts';

/** So many names may wait to be looked at. */
const LIMIT = 16_384;

/** After so long (ms) nothing will come of it: something was mounted over the directory, for instance. */
const POSTPONED_MS = 250;

/** An entry to which something happened; what is to be found out. */
export interface Touch extends Place {
  /** It was made, removed or renamed. */
  isNamed: boolean;
  /** It was written to, or its attributes changed. */
  isContent: boolean;
  /** It is a directory, and told so itself: perhaps its watch has ended. */
  isSelf: boolean;
  /** Something was known of it before anything was found out. */
  isKnown: boolean;
  /** When it could not be judged for the first time, on the clock of performance.now(). */
  postponedAt: number | undefined;
}

/** The names to which something happened since the last `take`, each once, in the order of the last event. */
export class TouchedNames {
  #touches = new Map<string, Touch>();
  #postponed = new Map<string, Touch>();

  /** Without those that were postponed. */
  get size(): number {
    return this.#touches.size;
  }

  /** False when there are too many. */
  add(directory: DirectoryNode, name: string, change: EntryChange): boolean {
    const key = keyOf(directory, name);
    const touch = this.#touches.get(key) ?? newTouch(directory, name);
    if (change === 'name') touch.isNamed = true;
    else touch.isContent = true;
    this.#touches.delete(key);
    this.#touches.set(key, touch);
    return this.#touches.size <= LIMIT;
  }

  /** A directory told something of itself. Keeps its place in the order: the directory above has told, or will. */
  addSelf(directory: DirectoryNode, name: string): void {
    const key = keyOf(directory, name);
    const touch = this.#touches.get(key) ?? newTouch(directory, name);
    touch.isSelf = true;
    this.#touches.set(key, touch);
  }

  /** Takes them, those that were postponed first. */
  take(): Touch[] {
    const touches = [...this.#postponed.values(), ...this.#touches.values()];
    this.#touches = new Map();
    this.#postponed = new Map();
    return touches;
  }

  /** To be taken with those that come next. */
  postpone(touches: readonly Touch[]): void {
    const now = performance.now();
    for (const touch of touches) {
      touch.postponedAt ??= now;
      if (now - touch.postponedAt > POSTPONED_MS) continue;
      const key = keyOf(touch.directory, touch.name);
      const newer = this.#touches.get(key);
      if (!newer) this.#postponed.set(key, touch);
      else {
        newer.isNamed ||= touch.isNamed;
        newer.isContent ||= touch.isContent;
        newer.isSelf ||= touch.isSelf;
      }
    }
  }
}

function keyOf(directory: DirectoryNode, name: string): string {
  return `${directory.id}/${name}`;
}

function newTouch(directory: DirectoryNode, name: string): Touch {
  return {
    directory,
    name,
    isNamed: false,
    isContent: false,
    isSelf: false,
    isKnown: false,
    postponedAt: undefined,
  };
}
