import { groupsOf, primaryGroup } from './accounts.ts';

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

/**
 * All supplementary groups for a requested uid and gid: those that /etc/group gives the user, none for an unknown one
 * (contract §3.1). Undefined when they are the daemon's own, and when the request names no user or names the daemon's own
 * with its group: nothing is to be changed then (addendum A2.2).
 */
export function resolveGroups(
  uid: number | undefined,
  gid: number | undefined,
): readonly number[] | undefined {
  if (uid === undefined) return undefined;
  const groups = groupsOf(uid);
  const keepsIdentity = resolveIdentity(uid, gid) === undefined;
  return keepsIdentity && (gid !== undefined || isOwnGroups(groups)) ? undefined : groups;
}

/** Some systems count the primary group among the supplementary ones, some do not: it makes no difference to access. */
function isOwnGroups(groups: readonly number[]): boolean {
  const primary = process.getegid?.();
  const others = (list: readonly number[]) =>
    [...new Set(list)]
      .filter((group) => group !== primary)
      .sort((a, b) => a - b)
      .join();
  return others(process.getgroups?.() ?? []) === others(groups);
}
