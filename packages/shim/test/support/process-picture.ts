import { createHash } from 'node:crypto';
import { closeSync, openSync, readFileSync, readSync, readdirSync, readlinkSync } from 'node:fs';
import { childrenOf, statOf } from './processes.ts';

/** What can be seen of a process from outside and must not change when somebody else is put beside it. */
export interface ProcessPicture {
  readonly mappings: string;
  /** Of everything in its memory that it may write to. */
  readonly memory: string;
  readonly descriptors: readonly string[];
  /** Blocked, ignored, caught and waiting ones. */
  readonly signals: readonly string[];
  /** Zombies count. */
  readonly children: readonly number[];
  readonly tracer: number;
  /** Neither running nor stopped. */
  readonly isAsleep: boolean;
}

/** Of a process that waits; one that works changes while it is looked at. */
export function pictureOf(pid: number): ProcessPicture {
  const mappings = readFileSync(`/proc/${pid}/maps`, 'utf8');
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return {
    mappings,
    memory: memoryOf(pid, mappings),
    descriptors: descriptorsOf(pid),
    signals: status.match(/^(?:Sig[PBIC]|ShdPnd).*$/gm) ?? [],
    children: childrenOf(pid),
    tracer: Number(/^TracerPid:\s+(\d+)$/m.exec(status)?.[1]),
    isAsleep: isAsleep(pid),
  };
}

/** Whether it waits, neither running nor stopped. */
export function isAsleep(pid: number): boolean {
  return statOf(pid)?.state === 'S';
}

/** The number of the system call that it waits in; undefined when it runs. */
export function callOf(pid: number): number | undefined {
  const [number] = readFileSync(`/proc/${pid}/syscall`, 'utf8').split(' ');
  return number === 'running\n' ? undefined : Number(number);
}

function descriptorsOf(pid: number): string[] {
  const directory = `/proc/${pid}/fd`;
  return readdirSync(directory).map((fd) => `${fd} ${readlinkSync(`${directory}/${fd}`)}`);
}

function memoryOf(pid: number, mappings: string): string {
  const hash = createHash('sha256');
  const memory = openSync(`/proc/${pid}/mem`, 'r');
  try {
    for (const [, start = '', end = ''] of mappings.matchAll(/^(\w+)-(\w+) rw/gm)) {
      const from = Number.parseInt(start, 16);
      const bytes = Buffer.alloc(Number.parseInt(end, 16) - from);
      readSync(memory, bytes, 0, bytes.length, from);
      hash.update(bytes);
    }
  } finally {
    closeSync(memory);
  }
  return hash.digest('hex');
}
