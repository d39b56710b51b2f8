import { realpath, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { ServiceError } from '@pod-agent/daemon-kit/service-error';
import { fileFailure } from '../filesystem/file-failure.ts';
import { DirectoryWatches, WatchLimitError } from '../os/directory-watch.ts';
import { IgnoreList } from './ignore-list.ts';
import { EntryBudget } from './tree-snapshot.ts';
import { TreeWatch } from './tree-watch.ts';
import type { WatchTarget } from './tree-watch.ts';

export interface TreeWatchesOptions {
  /** Entries that are remembered, of all trees together; a tree that would need more is compact. Default 20,000. */
  readonly entries?: number;
  /** Directories that are watched, of all trees together. Default 20,000. */
  readonly directories?: number;
  /** Readers at a time. Default 100. */
  readonly clients?: number;
}

export interface WatchRequest {
  /** Absolute; a link is followed. A file is watched by itself. */
  readonly path: string;
  readonly isRecursive: boolean;
  readonly ignored: IgnoreList;
}

interface SharedTree {
  readonly key: string;
  readonly tree: TreeWatch;
  readonly started: Promise<void>;
  readers: number;
}

const DEFAULT_ENTRIES = 20_000;
const DEFAULT_DIRECTORIES = 20_000;
const DEFAULT_CLIENTS = 100;

/** The trees that are watched. Readers of the same tree share it; with the last reader its watches end. */
export class TreeWatches implements AsyncDisposable {
  readonly #watches: DirectoryWatches;
  readonly #budget: EntryBudget;
  readonly #clientLimit: number;
  readonly #shared = new Map<string, SharedTree>();
  readonly #ending = new Set<Promise<void>>();
  #clients = 0;
  #isDisposed = false;

  constructor(options: TreeWatchesOptions = {}) {
    this.#watches = new DirectoryWatches(options.directories ?? DEFAULT_DIRECTORIES, () => this.#lose());
    this.#budget = new EntryBudget(options.entries ?? DEFAULT_ENTRIES);
    this.#clientLimit = options.clients ?? DEFAULT_CLIENTS;
  }

  /**
   * The events of a tree as JSON texts, `ready` first, until the tree is gone or the signal aborts. Throws 404 for a path
   * that does not exist, 413 `WATCH_LIMIT`.
   */
  async *follow(
    request: WatchRequest,
    signal: AbortSignal,
  ): AsyncGenerator<readonly string[], void, undefined> {
    const target = await findTarget(request);
    if (signal.aborted) return;
    const shared = this.#join(target);
    try {
      await startedOrAborted(shared.started, signal);
      if (!signal.aborted) yield* eventsOf(shared.tree, signal);
    } finally {
      await this.#leave(shared);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true;
    for (const shared of this.#shared.values()) this.#end(shared);
    while (this.#ending.size > 0) await Promise.all(this.#ending);
  }

  #join(target: WatchTarget): SharedTree {
    if (this.#isDisposed)
      throw new ServiceError('unavailable', 'SERVICE_UNAVAILABLE', 'execd is shutting down');
    if (this.#clients >= this.#clientLimit)
      throw watchLimit(`cannot watch for more than ${this.#clientLimit} clients at once`);
    const key = JSON.stringify([target.directory, target.file, target.isRecursive, target.ignored.patterns]);
    const shared = this.#shared.get(key) ?? this.#start(key, target);
    this.#clients += 1;
    shared.readers += 1;
    return shared;
  }

  #start(key: string, target: WatchTarget): SharedTree {
    const tree: TreeWatch = new TreeWatch(target, {
      watches: this.#watches,
      budget: this.#budget,
      onGone: () => this.#end(shared),
    });
    const started = tree.start().catch((error: unknown) => {
      this.#end(shared);
      throw startFailure(error);
    });
    // Whoever waits for it gets the failure; perhaps nobody does any more.
    started.catch(() => undefined);
    const shared: SharedTree = { key, tree, started, readers: 0 };
    this.#shared.set(key, shared);
    return shared;
  }

  async #leave(shared: SharedTree): Promise<void> {
    this.#clients -= 1;
    shared.readers -= 1;
    if (shared.readers === 0) this.#end(shared);
    await Promise.all(this.#ending);
  }

  /** From now on nobody joins it. */
  #end(shared: SharedTree): void {
    if (this.#shared.get(shared.key) !== shared) return;
    this.#shared.delete(shared.key);
    const ending = shared.tree[Symbol.asyncDispose]().finally(() => this.#ending.delete(ending));
    this.#ending.add(ending);
  }

  #lose(): void {
    for (const { tree } of this.#shared.values()) tree.lose();
  }
}

async function* eventsOf(
  tree: TreeWatch,
  signal: AbortSignal,
): AsyncGenerator<readonly string[], void, undefined> {
  using reader = tree.log.reader();
  yield [JSON.stringify(tree.ready())];
  for (let texts = await reader.next(signal); texts; texts = await reader.next(signal))
    yield texts === 'lost' ? [JSON.stringify(tree.slowClient())] : texts;
}

async function findTarget({ path, isRecursive, ignored }: WatchRequest): Promise<WatchTarget> {
  try {
    const real = await realpath(path);
    const stats = await stat(real);
    if (stats.isDirectory()) return { directory: real, file: undefined, isRecursive, ignored };
    return {
      directory: dirname(real),
      file: basename(real),
      isRecursive: false,
      ignored: new IgnoreList(['']),
    };
  } catch (error) {
    throw fileFailure(error, 'error accessing file');
  }
}

function startFailure(error: unknown): ServiceError {
  if (error instanceof WatchLimitError) return watchLimit(error.message, error);
  return fileFailure(error, 'error watching file');
}

function watchLimit(message: string, cause?: unknown): ServiceError {
  return new ServiceError('too-large', 'WATCH_LIMIT', message, { cause });
}

function startedOrAborted(started: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => resolve();
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    started.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}
