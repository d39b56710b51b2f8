import { primaryGroup } from './accounts.ts';

/** Whom a process runs as. */
export interface Identity {
  readonly uid: number;
  readonly gid: number;
}

/**
 * The identity for a requested uid and gid: without a gid the user's primary group, 0 for a user that /etc/passwd does
 * not know (contract §3.1). Undefined when it is the daemon's own: no switch, no privilege needed (addendum A2.2).
 */
export function resolveIdentity(uid: number | undefined, gid: number | undefined): Identity | undefined {
  if (uid === undefined) return undefined;
  const identity = { uid, gid: gid ?? primaryGroup(uid) ?? 0 };
  const isOwn = identity.uid === process.geteuid?.() && identity.gid === process.getegid?.();
  return isOwn ? undefined : identity;
}
