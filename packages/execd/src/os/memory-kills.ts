import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { join } from 'node:path';

/** The counter of a memory cgroup is a line `oom_kill N` of a short file. */
const FILE_BYTES = 1024;
const COUNTER = /^oom_kill (\d+)$/m;

/** A count that is younger than this need not be read again, ms: a look costs as much as a tenth of a short command. */
const RECENT_MS = 100;

/**
 * How often the memory cgroup of this process killed a process for want of memory. The file is opened once: a look costs
 * one read.
 */
export class MemoryKills implements Disposable {
  readonly #buffer = Buffer.alloc(FILE_BYTES);
  #file: number | undefined;
  #recent: number | undefined;
  #readAt = -Infinity;

  constructor(path: string | undefined = counterFile()) {
    if (path === undefined) return;
    try {
      this.#file = openSync(path, 'r');
    } catch {
      // Not mounted, or not ours to read: nobody can tell then.
    }
  }

  /** The count now or a moment ago: what a later count is compared with. */
  recentCount(): number | undefined {
    const now = performance.now();
    if (now - this.#readAt < RECENT_MS) return this.#recent;
    this.#readAt = now;
    this.#recent = this.count();
    return this.#recent;
  }

  /** Undefined when it cannot be read. */
  count(): number | undefined {
    if (this.#file === undefined) return undefined;
    try {
      const size = readSync(this.#file, this.#buffer, 0, FILE_BYTES, 0);
      const count = COUNTER.exec(this.#buffer.toString('latin1', 0, size))?.[1];
      return count === undefined ? undefined : Number(count);
    } catch {
      return undefined;
    }
  }

  [Symbol.dispose](): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }
}

/** memory.events of cgroup v2, memory.oom_control of v1 (cgroups(7)); undefined where neither is known. */
function counterFile(): string | undefined {
  const groups = readLines('/proc/self/cgroup').map((line) => line.split(':'));
  const mounts = readLines('/proc/self/mountinfo').map((line) => line.split(' '));
  const legacy = groups.find(([, controllers]) => controllers?.split(',').includes('memory'));
  if (legacy) return inMount(mounts, 'cgroup', 'memory', legacy.slice(2).join(':'), 'memory.oom_control');
  const unified = groups.find(([hierarchy]) => hierarchy === '0');
  return unified && inMount(mounts, 'cgroup2', '', unified.slice(2).join(':'), 'memory.events');
}

/**
 * Fields of mountinfo (proc(5)): 4 is the part of the hierarchy that is mounted, 5 where; behind ` - ` type, source and
 * options. In a container the part that is mounted often is the group itself.
 */
function inMount(
  mounts: readonly string[][],
  type: string,
  option: string,
  group: string,
  file: string,
): string | undefined {
  for (const fields of mounts) {
    const separator = fields.indexOf('-');
    const options = fields[separator + 3]?.split(',') ?? [];
    if (fields[separator + 1] !== type || (option !== '' && !options.includes(option))) continue;
    const [root = '/', point = '/'] = fields.slice(3, 5);
    const below = root !== '/' && group.startsWith(root) ? group.slice(root.length) : group;
    return join(point, below.startsWith('/..') ? '' : below, file);
  }
  return undefined;
}

function readLines(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split('\n').filter(Boolean);
  } catch {
    return [];
  }
}
