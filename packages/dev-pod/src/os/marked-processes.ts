import { readFileSync, readdirSync } from 'node:fs';

/** The variable by which everything that came from one execd is found again. */
export const MARK_VARIABLE = 'OPENSANDBOX_DEV_POD_EXECD';

/** A process can fork while it is looked for; nothing of ours forks for longer than this many looks. */
const MOST_PASSES = 20;

/**
 * Kills every process that was started with this mark in its environment: what commands left running when they ended,
 * which in a pod would end with the container. Looks in /proc, so it finds nothing where there is none.
 */
export function killMarkedProcesses(mark: string): void {
  const entry = `${MARK_VARIABLE}=${mark}`;
  for (let pass = 0; pass < MOST_PASSES; pass += 1) {
    const found = processIds().filter((pid) => environmentOf(pid).includes(entry));
    if (found.length === 0) return;
    for (const pid of found) kill(pid);
  }
}

function processIds(): number[] {
  try {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(Number);
  } catch {
    // No /proc on this system.
    return [];
  }
}

/** Empty for a process that is gone, a zombie, or somebody else's. */
function environmentOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
  } catch {
    return [];
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended meanwhile.
  }
}
