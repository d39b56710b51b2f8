import { readFileSync, readdirSync } from 'node:fs';
import { errorCode } from './errno.ts';

/** Every process of an execution carries this variable with the execution's id, whatever it became the child of. */
export const EXECUTION_COOKIE = 'OPENSANDBOX_EXEC_ID';

/** A process may fork while it is looked for: a kill looks again until nobody is new, this often at the most. */
const SEARCH_ROUNDS = 16;

/**
 * Signals a process, or with a negative target the group of that id. False when there is none, or none that we may
 * signal. Signal 0 only asks: true for whatever exists.
 */
export function sendSignal(target: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(target, signal);
  } catch (error) {
    const code = errorCode(error);
    // EPERM: there is somebody, who became another user; a setuid program for instance.
    if (code === 'EPERM') return signal === 0;
    if (code === 'ESRCH') return false;
    throw error;
  }
}

/** Whether the process group has a member that is alive. Zombies that PID 1 never reaps do not count. */
export function hasProcessGroup(groupId: number): boolean {
  return sendSignal(-groupId, 0) && listProcesses().some(({ group }) => group === groupId);
}

/**
 * Signals everything that came from the leader: its group, its session, its descendants, and whatever carries the
 * cookie, so that `setsid` and a double fork do not hide a process. Returns whether anybody was there.
 */
export function signalTree(leader: number, cookie: string | undefined, signal: NodeJS.Signals): boolean {
  if (signal === 'SIGKILL') return killTree(leader, cookie);
  // Looked for before anybody dies: an orphan in a session of its own no longer shows whose child it was.
  const members = findTree(leader, cookie);
  const found = sendSignal(-leader, signal);
  for (const member of members) {
    // Who is still in the group has the signal; who left it meanwhile may have missed it.
    if (member.group !== leader || readProcess(member.pid)?.group !== leader) signalIfSame(member, signal);
  }
  return found || members.length > 0;
}

/** Signals everything that carries the cookie, without knowing the leader. Returns whether anybody was there. */
export function signalCarriers(cookie: string, signal: NodeJS.Signals): boolean {
  const carriers = listProcesses().filter(({ pid }) => carriesCookie(pid, cookie));
  for (const carrier of carriers) signalIfSame(carrier, signal);
  return carriers.length > 0;
}

/** Stops the whole tree before it kills it: a stopped process neither forks nor leaves its group nor loses its parent. */
function killTree(leader: number, cookie: string | undefined): boolean {
  const members = new Map<number, ProcessEntry>();
  for (let round = 0; round < SEARCH_ROUNDS; round += 1) {
    const fresh = findTree(leader, cookie).filter(({ pid }) => !members.has(pid));
    if (fresh.length === 0) break;
    for (const member of fresh) {
      members.set(member.pid, member);
      signalIfSame(member, 'SIGSTOP');
    }
  }
  const found = sendSignal(-leader, 'SIGKILL');
  for (const member of members.values()) signalIfSame(member, 'SIGKILL');
  return found || members.size > 0;
}

/** One line of the process table. */
export interface ProcessEntry {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
  /** Clock ticks after boot: with the pid it names a process for good. */
  readonly startTime: string;
}

function findTree(leader: number, cookie: string | undefined): ProcessEntry[] {
  const processes = listProcesses();
  const members = new Set([leader]);
  for (const entry of processes) {
    if (entry.session === leader || entry.group === leader || carriesCookie(entry.pid, cookie))
      members.add(entry.pid);
  }
  // Children may stand before their parents in the list, so go on until a pass adds nobody.
  for (let before = 0; before !== members.size;) {
    before = members.size;
    for (const entry of processes) if (members.has(entry.parent)) members.add(entry.pid);
  }
  return processes.filter(({ pid }) => members.has(pid) && pid !== process.pid);
}

function listProcesses(): ProcessEntry[] {
  const entries: ProcessEntry[] = [];
  for (const name of readdirSync('/proc')) {
    const entry = /^\d+$/.test(name) ? readProcess(Number(name)) : undefined;
    if (entry) entries.push(entry);
  }
  return entries;
}

/** From /proc/PID/stat (proc(5)); undefined when the process is gone or a zombie. */
export function readProcess(pid: number): ProcessEntry | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    // It ended after the directory was listed.
    return undefined;
  }
  // The name stands in parentheses and may hold spaces and parentheses itself.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  if (fields[0] === 'Z' || fields[0] === 'X') return undefined;
  return {
    pid,
    parent: Number(fields[1]),
    group: Number(fields[2]),
    session: Number(fields[3]),
    startTime: fields[19] ?? '',
  };
}

function carriesCookie(pid: number, cookie: string | undefined): boolean {
  if (cookie === undefined) return false;
  try {
    const environment = readFileSync(`/proc/${pid}/environ`, 'latin1');
    return environment.split('\0').includes(`${EXECUTION_COOKIE}=${cookie}`);
  } catch {
    // Gone, or another user's whom we may not look at and could not signal either.
    return false;
  }
}

function signalIfSame(member: ProcessEntry, signal: NodeJS.Signals): void {
  if (readProcess(member.pid)?.startTime === member.startTime) sendSignal(member.pid, signal);
}
