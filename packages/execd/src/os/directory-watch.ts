import { readFileSync, watch } from 'node:fs';
import { errorCode } from './errno.ts';

/** `name`: an entry was made, removed or renamed. `content`: it was written to, or its attributes changed. */
export type EntryChange = 'name' | 'content';

/**
 * Told of every change of an entry of a watched directory; without a name when something happened to the directory
 * itself (removed, moved, other attributes). A change of the attributes of a directory reads as `name`.
 */
export type DirectoryListener = (name: string | undefined, change: EntryChange) => void;

/** No further directory can be watched; the message says which limit it is and how to lift it. */
export class WatchLimitError extends Error {
  override readonly name = 'WatchLimitError';
}

const INOTIFY_SETTINGS = '/proc/sys/fs/inotify';
/** What Linux has by default. */
const DEFAULT_QUEUE_EVENTS = 16_384;

/**
 * All watches of the process on directories, one inotify watch each (inotify(7)), up to a limit.
 *
 * The kernel keeps a queue of events and drops what does not fit; libuv does not pass on that it did. A full queue shows
 * as a burst, though: everything in it is delivered between two turns of the event loop. When a burst is half as long as
 * the queue, `onLoss` is called: from then on events of any watch may be missing.
 */
export class DirectoryWatches {
  readonly #limit: number;
  readonly #onLoss: () => void;
  readonly #lossThreshold = (readSetting('max_queued_events') ?? DEFAULT_QUEUE_EVENTS) / 2;
  #open = 0;
  #burst = 0;

  constructor(limit: number, onLoss: () => void) {
    this.#limit = limit;
    this.#onLoss = onLoss;
  }

  /** How many directories are watched now. */
  get size(): number {
    return this.#open;
  }

  /** Watches until it is disposed. Throws WatchLimitError, or the system's error. */
  open(path: string, listener: DirectoryListener): Disposable {
    if (this.#open >= this.#limit) {
      const limit = `${this.#limit} directories at once, all watches together`;
      throw new WatchLimitError(`cannot watch more than ${limit}: raise --watch-directories`);
    }
    const watcher = this.#watch(path, listener);
    this.#open += 1;
    let isOpen = true;
    return {
      [Symbol.dispose]: () => {
        if (!isOpen) return;
        isOpen = false;
        this.#open -= 1;
        watcher.close();
      },
    };
  }

  #watch(path: string, listener: DirectoryListener): { close(): void } {
    try {
      // libuv names an event of the directory itself by the last part of the path: with `.` there, no entry can be
      // mistaken for it, whatever the directory is called by now.
      const watcher = watch(`${path}/.`, { persistent: false }, (type, name) => {
        this.#count();
        listener(name === '.' || name === null ? undefined : name, type === 'rename' ? 'name' : 'content');
      });
      watcher.on('error', () => this.#onLoss());
      return watcher;
    } catch (error) {
      throw systemLimit(error) ?? error;
    }
  }

  #count(): void {
    if (this.#burst === 0) setImmediate(() => (this.#burst = 0));
    this.#burst += 1;
    if (this.#burst === this.#lossThreshold) this.#onLoss();
  }
}

function systemLimit(error: unknown): WatchLimitError | undefined {
  const code = errorCode(error);
  if (code === 'ENOSPC') return settingReached('watches', 'max_user_watches', error);
  if (code === 'EMFILE') return settingReached('instances', 'max_user_instances', error);
  return undefined;
}

function settingReached(what: string, setting: string, cause: unknown): WatchLimitError {
  const value = readSetting(setting) ?? 'unknown';
  const message = `the system has no more inotify ${what}: raise fs.inotify.${setting}, which is ${value}`;
  return new WatchLimitError(message, { cause });
}

function readSetting(name: string): number | undefined {
  try {
    return Number(readFileSync(`${INOTIFY_SETTINGS}/${name}`, 'utf8'));
  } catch {
    // No /proc, or a sandboxed kernel that has no such setting.
    return undefined;
  }
}
