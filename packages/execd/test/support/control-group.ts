import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { kill } from './processes.ts';
import { until } from './until.ts';

type Controller = 'memory' | 'pids';

/** A control group of this machine, version 1 or 2. Disposing it kills what is in it. */
export interface ControlGroup extends AsyncDisposable {
  /** In front of a program and its arguments: it runs inside of the group. */
  readonly wrapper: readonly string[];
  /** Bytes of memory, or processes and threads. */
  limit(most: number): void;
  /** As `limit` counts. */
  used(): number;
}

interface Hierarchy {
  /** Where it is mounted. */
  readonly root: string;
  /** The files with the limits, the first one the decisive. */
  readonly limits: readonly string[];
  readonly usage: string;
}

const HIERARCHIES: Readonly<Record<Controller, readonly Hierarchy[]>> = {
  memory: [
    {
      root: '/sys/fs/cgroup/memory',
      limits: ['memory.limit_in_bytes', 'memory.memsw.limit_in_bytes'],
      usage: 'memory.usage_in_bytes',
    },
    { root: '/sys/fs/cgroup', limits: ['memory.max', 'memory.swap.max'], usage: 'memory.current' },
  ],
  pids: [
    { root: '/sys/fs/cgroup/pids', limits: ['pids.max'], usage: 'pids.current' },
    { root: '/sys/fs/cgroup', limits: ['pids.max'], usage: 'pids.current' },
  ],
};

let groups = 0;

/** A new group with this controller; undefined where the machine does not let us make one. */
export function controlGroup(controller: Controller): ControlGroup | undefined {
  for (const hierarchy of HIERARCHIES[controller]) {
    groups += 1;
    const path = `${hierarchy.root}/execd-test-${process.pid}-${groups}`;
    if (!make(path)) continue;
    if (existsSync(`${path}/${hierarchy.limits[0]}`)) return groupAt(path, hierarchy);
    rmdirSync(path);
  }
  return undefined;
}

function make(path: string): boolean {
  try {
    mkdirSync(path);
    return true;
  } catch {
    // Not mounted, read-only as in most containers, or not ours.
    return false;
  }
}

function groupAt(path: string, { limits, usage }: Hierarchy): ControlGroup {
  const members = () =>
    readFileSync(`${path}/cgroup.procs`, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map(Number);
  return {
    wrapper: ['/bin/sh', '-c', 'echo $$ > "$0" && exec "$@"', `${path}/cgroup.procs`],
    limit(most) {
      for (const file of limits.filter((name) => existsSync(`${path}/${name}`)))
        // Memory alone is limited: what may be swapped out in version 2 comes on top of it.
        writeFileSync(`${path}/${file}`, file === 'memory.swap.max' ? '0' : String(most));
    },
    used: () => Number(readFileSync(`${path}/${usage}`, 'utf8')),
    async [Symbol.asyncDispose]() {
      await until(() => {
        for (const pid of members()) kill(pid);
        return members().length === 0;
      });
      rmdirSync(path);
    },
  };
}
