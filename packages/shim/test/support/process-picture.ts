import { createHash } from 'node:crypto';
import { closeSync, openSync, readFileSync, readSync, readdirSync, readlinkSync } from 'node:fs';

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
    isAsleep: /^State:\s+S/m.test(status),
  };
}

/** All of its threads' children. */
export function childrenOf(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((thread) => {
    const children = readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').trim();
    return children === '' ? [] : children.split(' ').map(Number);
  });
}

/** The letter of its state; undefined when it is gone. */
export function stateOf(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.[0];
  } catch {
    return undefined;
  }
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
