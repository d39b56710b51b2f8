import { readFileSync, readdirSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { IgnoreList } from '../../src/watch/ignore-list.ts';
import type { WatchEvent } from '../../src/watch/schema.ts';
import type { TreeWatches, WatchRequest } from '../../src/watch/tree-watches.ts';
import { until } from './until.ts';

type ReadyEvent = Extract<WatchEvent, { type: 'ready' }>;

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

export interface WatchTreeOptions {
  /** Default true. */
  readonly recursive?: boolean;
  readonly ignore?: readonly string[];
}

export function requestFor(
  path: string,
  { recursive = true, ignore = [] }: WatchTreeOptions = {},
): WatchRequest {
  return { path, isRecursive: recursive, ignored: new IgnoreList(ignore) };
}

/** Watches a tree and waits until it is ready. */
export async function watchTree(
  trees: TreeWatches,
  path: string,
  options: WatchTreeOptions = {},
): Promise<Watching> {
  const leave = new AbortController();
  const stream = trees.follow(requestFor(path, options), leave.signal);
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

/** Does one thing after the other, each when the events of the one before have come, and expects no others. */
export async function expectSteps(
  watching: Watching,
  steps: readonly [() => void, ...string[]][],
): Promise<void> {
  for (const [act, ...lines] of steps) {
    const before = watching.lines.length;
    act();
    await until(() => lines.every((line) => watching.lines.slice(before).includes(line)));
  }
  expect(watching.lines).toEqual(steps.flatMap(([, ...lines]) => lines));
}

/** Makes a file more and waits for it: by then what happened before was told, but for what is in new directories. */
export async function settle(watching: Watching): Promise<void> {
  const name = `settled-${watching.events.length}`;
  writeFileSync(join(watching.ready.path, name), '');
  await watching.seen(`create ${name}`);
}

/** An event in one line. */
function lineOf(event: WatchEvent, root: string): string {
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
