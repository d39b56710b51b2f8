import { readFileSync, readdirSync } from 'node:fs';

/** What /proc/PID/stat tells of a process. */
export interface ProcessStat {
  readonly state: string;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
  readonly nice: number;
  /** Clock ticks after boot. */
  readonly startTime: bigint;
}

/** Undefined when there is no such process. */
export function statOf(pid: number): ProcessStat | undefined {
  const text = procFile(pid, 'stat');
  if (text === '') return undefined;
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return {
    state: fields[0] ?? '',
    parent: Number(fields[1]),
    group: Number(fields[2]),
    session: Number(fields[3]),
    nice: Number(fields[16]),
    startTime: BigInt(fields[19] ?? 0),
  };
}

/** Whether the process runs; a zombie does not. */
export function isAlive(pid: number): boolean {
  const stat = statOf(pid);
  return stat !== undefined && !/[ZX]/.test(stat.state);
}

/** All processes of the machine. */
function allProcesses(): number[] {
  return readdirSync('/proc').map(Number).filter(Number.isInteger);
}

/** The children that a process has now, the zombies among them included. */
export function childrenOf(pid: number): number[] {
  return allProcesses().filter((other) => statOf(other)?.parent === pid);
}

/** Everything below a process, zombies left out. */
export function descendantsOf(pid: number): number[] {
  const parents = new Map(allProcesses().map((other) => [other, statOf(other)?.parent]));
  const found = [pid];
  for (const parent of found) {
    for (const [other, itsParent] of parents) if (itsParent === parent) found.push(other);
  }
  return found.slice(1).filter(isAlive);
}

/** The processes that run and have this entry (`NAME=value`) in their environment. */
export function processesWith(entry: string): number[] {
  return allProcesses().filter((pid) => isAlive(pid) && procFile(pid, 'environ').split('\0').includes(entry));
}

/** A number of /proc/PID/status, such as `VmRSS` in KiB. */
export function statusNumber(pid: number, name: string): number {
  const line = procFile(pid, 'status').match(new RegExp(`^${name}:\\s+(\\d+)`, 'm'));
  if (!line) throw new Error(`process ${pid} has no ${name}`);
  return Number(line[1]);
}

/** How many descriptors a process has open. */
export function openDescriptors(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

/** SIGKILL for a process that may be gone. */
export function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Gone already.
  }
}

/** Empty when there is no such process or when it may not be looked at. */
export function procFile(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'latin1');
  } catch {
    return '';
  }
}
