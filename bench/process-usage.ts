import { readFileSync } from 'node:fs';
import { readFile, readdir } from 'node:fs/promises';

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

/** The child of that process which was started as `shim serve`; undefined if there is none. */
export async function findShim(pid: number): Promise<number | undefined> {
  const threads = await readdir(`/proc/${pid}/task`);
  const lists = await Promise.all(
    threads.map((thread) => readProcText(`/proc/${pid}/task/${thread}/children`)),
  );
  for (const child of lists.join(' ').split(' ').filter(Boolean)) {
    const [, mode] = (await readProcText(`/proc/${child}/cmdline`)).split('\0');
    if (mode === 'serve') return Number(child);
  }
  return undefined;
}

/** Empty for a process or thread that has ended meanwhile. */
async function readProcText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch {
    return '';
  }
}

function kilobytesField(status: string, name: string): number {
  const value = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1];
  if (value === undefined) throw new Error(`/proc status has no ${name}`);
  return Number(value);
}
