import { readFileSync } from 'node:fs';

/** The login name of a uid; its decimal digits when /etc/passwd does not know it. */
export function userName(uid: number): string {
  return nameIn('/etc/passwd', uid);
}

/** The name of a gid; its decimal digits when /etc/group does not know it. */
export function groupName(gid: number): string {
  return nameIn('/etc/group', gid);
}

/** The uid of a login name. */
export function findUser(name: string): number | undefined {
  return idIn('/etc/passwd', name);
}

/** The gid of a group's name. */
export function findGroup(name: string): number | undefined {
  return idIn('/etc/group', name);
}

function rows(file: string): string[][] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .map((line) => line.split(':'));
}
function nameIn(file: string, id: number): string {
  return rows(file).find((row) => Number(row[2]) === id)?.[0] ?? String(id);
}
function idIn(file: string, name: string): number | undefined {
  const id = rows(file).find((row) => row[0] === name)?.[2];
  return id === undefined ? undefined : Number(id);
}
