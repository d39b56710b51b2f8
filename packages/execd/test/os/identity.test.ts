import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { resolveIdentity } from '../../src/os/identity.ts';

const OWN_UID = process.geteuid?.() ?? 0;
const OWN_GID = process.getegid?.() ?? 0;
const UNKNOWN_UID = 4_000_000_123;

interface User {
  readonly uid: number;
  readonly gid: number;
}

const USERS: readonly User[] = readFileSync('/etc/passwd', 'utf8')
  .split('\n')
  .map((line) => line.split(':'))
  .filter((fields) => fields.length >= 4)
  .map(([, , uid, gid]) => ({ uid: Number(uid), gid: Number(gid) }))
  .filter(({ uid }) => uid !== OWN_UID);

test('without a uid there is nothing to switch to', () => {
  expect(resolveIdentity(undefined, undefined)).toBeUndefined();
});

test('contract A2.2: the own uid and gid need no switch', () => {
  expect(resolveIdentity(OWN_UID, OWN_GID)).toBeUndefined();
});

test('contract A2.2: the own uid with another gid is a switch', () => {
  expect(resolveIdentity(OWN_UID, OWN_GID + 1)).toEqual({ uid: OWN_UID, gid: OWN_GID + 1 });
});

test('contract §3.1: an unknown user has gid 0', () => {
  expect(resolveIdentity(UNKNOWN_UID, undefined)).toEqual({ uid: UNKNOWN_UID, gid: 0 });
});

test('contract §3.1: a known user has its primary group', () => {
  expect(USERS.length).toBeGreaterThan(0);
  for (const user of USERS) expect(resolveIdentity(user.uid, undefined)).toEqual(user);
});

test('a given gid is taken as it is', () => {
  expect(resolveIdentity(UNKNOWN_UID, 77)).toEqual({ uid: UNKNOWN_UID, gid: 77 });
});
