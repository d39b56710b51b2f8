import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, expect } from 'vitest';

/** How long what a test closed may take to be gone. */
const SETTLE_MS = 2_000;

let before: Leaks;

beforeEach(() => {
  before = look();
});

afterEach(async () => {
  const deadline = Date.now() + SETTLE_MS;
  while (Date.now() < deadline && !isClean(look())) await delay(10);
  const after = look();
  expect(after.children, 'child processes that a test left behind').toEqual(before.children);
  expect(after.timers, 'timers that a test left behind').toBeLessThanOrEqual(before.timers);
  expect(after.watches, 'watches that a test left behind').toBeLessThanOrEqual(before.watches);
  expect(after.sockets, 'sockets and pipes that a test left behind').toBeLessThanOrEqual(before.sockets);
  expect(
    after.files.filter((file) => !before.files.includes(file)),
    'files that a test left open',
  ).toEqual([]);
});

interface Leaks {
  readonly children: readonly number[];
  readonly timers: number;
  readonly watches: number;
  readonly sockets: number;
  readonly files: readonly string[];
}

function isClean(now: Leaks): boolean {
  return (
    now.children.join() === before.children.join() &&
    now.timers <= before.timers &&
    now.watches <= before.watches &&
    now.sockets <= before.sockets &&
    now.files.every((file) => before.files.includes(file))
  );
}

/** What this process holds now. */
function look(): Leaks {
  const open = openFiles();
  const resources = process.getActiveResourcesInfo();
  const isChannel = (target: string) => /^(?:socket|pipe):/.test(target);
  return {
    children: childProcesses(),
    timers: resources.filter((resource) => resource === 'Timeout').length,
    watches: resources.filter((resource) => resource === 'FSEventWrap').length,
    sockets: open.filter(isChannel).length,
    files: open.filter((target) => target.startsWith('/') && !target.startsWith('/dev/')),
  };
}

function openFiles(): string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)];
    } catch {
      // The descriptor of this very listing.
      return [];
    }
  });
}

function childProcesses(): number[] {
  return readdirSync('/proc/self/task').flatMap((thread) => {
    const children = readFileSync(`/proc/self/task/${thread}/children`, 'utf8').trim();
    return children === '' ? [] : children.split(' ').map(Number);
  });
}
