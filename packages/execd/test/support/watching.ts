import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { IgnoreList } from '../../src/watch/ignore-list.ts';
import type { WatchEvent } from '../../src/watch/schema.ts';
import type { TreeWatches } from '../../src/watch/tree-watches.ts';
import { until } from './until.ts';

export type ReadyEvent = Extract<WatchEvent, { type: 'ready' }>;

/** A watch whose events are collected. Disposing it leaves. */
export interface Watching extends AsyncDisposable {
  readonly ready: ReadyEvent;
  /** Every event behind `ready`. */
  readonly events: readonly WatchEvent[];
  /** The events as `type path`, `type from -> path` for a rename, relative to what is watched. */
  readonly lines: readonly string[];
  /** Settles with the stream. */
  readonly ended: Promise<void>;
  /** Waits until such a line has come. */
  seen(line: string): Promise<void>;
}

/** Watches a tree and waits until it is ready. */
export async function watchTree(
  trees: TreeWatches,
  path: string,
  options: { recursive?: boolean; ignore?: readonly string[] } = {},
): Promise<Watching> {
  const leave = new AbortController();
  const request = {
    path,
    isRecursive: options.recursive ?? true,
    ignored: new IgnoreList(options.ignore ?? []),
  };
  const stream = trees.follow(request, leave.signal);
  const first = await stream.next();
  if (first.done) throw new Error('no ready event');
  const ready = JSON.parse(first.value[0] ?? '') as ReadyEvent;
  const events: WatchEvent[] = [];
  const ended = collect(stream, events);
  const lines = () => events.map((event) => lineOf(event, ready.path));
  return {
    ready,
    events,
    get lines() {
      return lines();
    },
    ended,
    seen: (line) => until(() => lines().includes(line)),
    async [Symbol.asyncDispose]() {
      leave.abort();
      await ended;
    },
  };
}

async function collect(stream: AsyncIterable<readonly string[]>, events: WatchEvent[]): Promise<void> {
  for await (const texts of stream) for (const text of texts) events.push(JSON.parse(text) as WatchEvent);
}

/** An event in one line. */
export function lineOf(event: WatchEvent, root: string): string {
  const relative = (path: string) => (path === root ? '.' : path.slice(root === '/' ? 1 : root.length + 1));
  if (event.type === 'rename') return `rename ${relative(event.from)} -> ${relative(event.path)}`;
  if (event.type === 'overflow') return `overflow ${event.reason} ${relative(event.path)}`;
  return `${event.type} ${relative(event.path)}`;
}

/** How many directories the system watches for this process, as /proc shows it. */
export function systemWatches(): number {
  return readdirSync('/proc/self/fd')
    .filter((fd) => isInotify(`/proc/self/fd/${fd}`))
    .map((fd) => readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8').match(/^inotify wd:/gm)?.length ?? 0)
    .reduce((sum, count) => sum + count, 0);
}

function isInotify(path: string): boolean {
  try {
    return readlinkSync(path) === 'anon_inode:inotify';
  } catch {
    // The descriptor of the listing.
    return false;
  }
}
