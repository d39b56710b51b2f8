import { lstatSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { WatchEvent } from '../../src/watch/schema.ts';

/** What stands below a directory: path and type. */
export function treeBelow(root: string): Map<string, string> {
  const found = new Map<string, string>();
  const pending = [root];
  for (let directory = pending.pop(); directory !== undefined; directory = pending.pop()) {
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      const path = join(directory, entry.name);
      const stats = lstatSync(path);
      found.set(path, stats.isDirectory() ? 'directory' : stats.isSymbolicLink() ? 'symlink' : 'file');
      if (stats.isDirectory()) pending.push(path);
    }
  }
  return found;
}

/** Applies events to what is known of a tree. Throws when an event does not fit what was there. */
export function applyEvents(tree: Map<string, string>, root: string, events: readonly WatchEvent[]): void {
  for (const [index, event] of events.entries()) {
    const check = (condition: boolean) => {
      if (condition) return;
      const before = events.slice(Math.max(0, index - 5), index + 1).map((each) => JSON.stringify(each));
      throw new Error(`this does not fit:\n${before.join('\n')}`);
    };
    const parent = dirname(event.path);
    if (event.type === 'create') {
      check(!tree.has(event.path));
      check(parent === root || tree.get(parent) === 'directory');
      tree.set(event.path, event.kind);
    } else if (event.type === 'modify') {
      check(event.path === root || tree.get(event.path) === event.kind);
    } else if (event.type === 'delete') {
      check(tree.get(event.path) === event.kind);
      check(![...tree.keys()].some((path) => path.startsWith(`${event.path}/`)));
      tree.delete(event.path);
    } else if (event.type === 'rename') {
      check(tree.get(event.from) === event.kind);
      check(parent === root || tree.get(parent) === 'directory');
      move(tree, event.from, event.path);
    }
  }
}

/** The same for a tree that is compact, where more may be told than happened. */
export function applyLoosely(tree: Map<string, string>, events: readonly WatchEvent[]): void {
  for (const event of events) {
    if (event.type === 'create') tree.set(event.path, event.kind);
    else if (event.type === 'rename') move(tree, event.from, event.path);
    else if (event.type === 'delete')
      for (const path of tree.keys()) if (isBelow(path, event.path)) tree.delete(path);
  }
}

function isBelow(path: string, directory: string): boolean {
  return path === directory || path.startsWith(`${directory}/`);
}

function move(tree: Map<string, string>, from: string, to: string): void {
  const moving = [...tree].filter(([path]) => isBelow(path, from));
  for (const path of tree.keys()) if (isBelow(path, to) || isBelow(path, from)) tree.delete(path);
  for (const [path, kind] of moving) tree.set(to + path.slice(from.length), kind);
}
