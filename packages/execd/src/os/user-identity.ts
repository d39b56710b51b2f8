import { readFileSync, readdirSync } from 'node:fs';
import type { Identity } from './identity.ts';

/** A user that this process cannot become: the message says which step failed. */
export class IdentityError extends Error {
  override readonly name = 'IdentityError';
}

/** An identity with all groups that its files may be opened by, the primary one of it included or not. */
export interface UserIdentity extends Identity {
  readonly groups: readonly number[];
}

/** capabilities(7), as bits of CapEff. */
const CAPABILITIES = { CAP_SETGID: 6, CAP_SETUID: 7 } as const;

/**
 * The capabilities that this process lacks to become that user, by name. An unreadable /proc counts as having all: the
 * attempt will tell.
 */
export function missingCapabilities({ uid }: Identity): string[] {
  const held = BigInt(`0x${ownStatus('self').get('CapEff') ?? 'ff'}`);
  const needed =
    uid === process.geteuid?.() ? (['CAP_SETGID'] as const) : (['CAP_SETUID', 'CAP_SETGID'] as const);
  return needed.filter((name) => ((held >> BigInt(CAPABILITIES[name])) & 1n) === 0n);
}

/**
 * Makes this whole process that user, for good: every thread has the uid, the gid and the groups, real, effective and
 * saved, and none keeps a capability unless the user is root. Throws an IdentityError; the process must end then, since
 * it may be half of each.
 */
export function becomeUser(identity: UserIdentity): void {
  const { uid, gid, groups } = identity;
  attempt('setgroups', () => process.setgroups?.([...groups]));
  attempt('setgid', () => process.setgid?.(gid));
  attempt('setuid', () => process.setuid?.(uid));
  for (const thread of readdirSync('/proc/self/task')) verifyThread(`self/task/${thread}`, identity);
  if (uid !== 0) verifyNoWayBack();
}

function attempt(call: string, change: () => void): void {
  try {
    change();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new IdentityError(`${call} failed: ${reason}`, { cause: error });
  }
}

/** The pool of threads that makes the file calls is what counts: identities belong to threads (credentials(7)). */
function verifyThread(thread: string, { uid, gid, groups }: UserIdentity): void {
  const status = ownStatus(thread);
  const isAs = (field: string, expected: readonly number[]) =>
    status.get(field)?.split(/\s+/).filter(Boolean).join() === expected.join();
  const sorted = [...new Set(groups)].sort((a, b) => a - b);
  if (!isAs('Uid', [uid, uid, uid, uid])) throw new IdentityError('a thread kept another user id');
  if (!isAs('Gid', [gid, gid, gid, gid])) throw new IdentityError('a thread kept another group id');
  if (!isAs('Groups', sorted)) throw new IdentityError('a thread kept other groups');
  if (uid === 0) return;
  for (const field of ['CapPrm', 'CapEff', 'CapAmb']) {
    if (!/^0+$/.test(status.get(field) ?? '0')) throw new IdentityError('a thread kept capabilities');
  }
}

/** Belt and braces: the system itself has to refuse. */
function verifyNoWayBack(): void {
  try {
    process.setuid?.(0);
  } catch {
    return;
  }
  throw new IdentityError('the process could become root again');
}

/** The fields of /proc/…/status (proc(5)); none where there is no /proc. */
function ownStatus(directory: string): Map<string, string> {
  let text: string;
  try {
    text = readFileSync(`/proc/${directory}/status`, 'latin1');
  } catch {
    // No /proc, or a thread that has just ended.
    return new Map();
  }
  return new Map(
    text.split('\n').map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon), line.slice(colon + 1).trim()] as const;
    }),
  );
}
