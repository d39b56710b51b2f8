import { readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';

/** What the kernel accounts to one process, in bytes. */
export interface MemoryUsage {
  readonly residentBytes: number;
  readonly peakResidentBytes: number;
}

/** Resident memory now (VmRSS) and its highest value since the process began (VmHWM); throws if it is gone. */
export function readMemoryUsage(pid: number): MemoryUsage {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return {
    residentBytes: kilobytesField(status, 'VmRSS') * 1024,
    peakResidentBytes: kilobytesField(status, 'VmHWM') * 1024,
  };
}

/** The number of file descriptors the process has open. */
export async function countOpenFiles(pid: number): Promise<number> {
  return (await readdir(`/proc/${pid}/fd`)).length;
}

function kilobytesField(status: string, name: string): number {
  const value = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1];
  if (value === undefined) throw new Error(`/proc status has no ${name}`);
  return Number(value);
}
