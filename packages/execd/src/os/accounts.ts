import { readFileSync, statSync } from 'node:fs';

/** The login name of a uid; its decimal digits when /etc/passwd does not know it. */
export function userName(uid: number): string {
  return system.userName(uid);
}

/** The name of a gid; its decimal digits when /etc/group does not know it. */
export function groupName(gid: number): string {
  return system.groupName(gid);
}

/** The uid of a login name. */
export function findUser(name: string): number | undefined {
  return system.findUser(name);
}

/** The gid of a group's name. */
export function findGroup(name: string): number | undefined {
  return system.findGroup(name);
}

/** The home directory of a uid; undefined when /etc/passwd does not know it or has none for it. */
export function homeOf(uid: number): string | undefined {
  return system.homeOf(uid);
}

/** The primary group of a uid; undefined when /etc/passwd does not know it. */
export function primaryGroup(uid: number): number | undefined {
  return system.primaryGroup(uid);
}

/** All groups of a user, rising: its primary group and those that name it as a member. None for an unknown uid. */
export function groupsOf(uid: number): number[] {
  return system.groupsOf(uid);
}

/**
 * The users and groups of two files in the format of passwd(5) and group(5). Read from the files themselves: there is
 * no name service in a static daemon (contract §0). A change shows in the next turn of the event loop: what one request
 * wrote, the next one sees. A file that is missing has no entries; of entries with the same name or id the first counts.
 */
export class Accounts {
  readonly #users: Table<Users>;
  readonly #groups: Table<Groups>;

  constructor(passwdFile: string, groupFile: string) {
    this.#users = new Table(passwdFile, readUsers);
    this.#groups = new Table(groupFile, readGroups);
  }

  userName(uid: number): string {
    return this.#users.current().byId.get(uid)?.name ?? String(uid);
  }

  groupName(gid: number): string {
    return this.#groups.current().nameById.get(gid) ?? String(gid);
  }

  findUser(name: string): number | undefined {
    return this.#users.current().byName.get(name)?.uid;
  }

  findGroup(name: string): number | undefined {
    return this.#groups.current().idByName.get(name);
  }

  homeOf(uid: number): string | undefined {
    return this.#users.current().byId.get(uid)?.home || undefined;
  }

  primaryGroup(uid: number): number | undefined {
    return this.#users.current().byId.get(uid)?.gid;
  }

  groupsOf(uid: number): number[] {
    const { byId, namesById } = this.#users.current();
    const user = byId.get(uid);
    if (!user) return [];
    const { idsByMember } = this.#groups.current();
    // One uid may have several login names.
    const joined = (namesById.get(uid) ?? []).flatMap((name) => idsByMember.get(name) ?? []);
    return [...new Set([user.gid, ...joined])].sort((a, b) => a - b);
  }
}

interface User {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

interface Users {
  readonly byId: ReadonlyMap<number, User>;
  readonly byName: ReadonlyMap<string, User>;
  readonly namesById: ReadonlyMap<number, readonly string[]>;
}

interface Groups {
  readonly nameById: ReadonlyMap<number, string>;
  readonly idByName: ReadonlyMap<string, number>;
  readonly idsByMember: ReadonlyMap<string, readonly number[]>;
}

/** What was read from a file; read again when the file is another or has changed. */
class Table<T> {
  readonly #file: string;
  readonly #read: (rows: string[][]) => T;
  #version: string | undefined;
  #content: T;
  #looked = false;

  constructor(file: string, read: (rows: string[][]) => T) {
    this.#file = file;
    this.#read = read;
    this.#content = read([]);
  }

  /** Looks at the file once in a turn of the event loop, so that a listing of thousands of files costs one look. */
  current(): T {
    if (this.#looked) return this.#content;
    this.#looked = true;
    setImmediate(() => {
      this.#looked = false;
    }).unref();
    const version = versionOf(this.#file);
    if (version !== this.#version) {
      this.#content = this.#read(rowsOf(this.#file));
      this.#version = version;
    }
    return this.#content;
  }
}

function versionOf(file: string): string {
  try {
    const { mtimeMs, ctimeMs, size, ino } = statSync(file);
    return `${mtimeMs}:${ctimeMs}:${size}:${ino}`;
  } catch {
    // An image without users, or a directory that is not ours to enter.
    return 'missing';
  }
}

function rowsOf(file: string): string[][] {
  try {
    return readFileSync(file, 'utf8')
      .split('\n')
      .map((line) => line.split(':'));
  } catch {
    // As above.
    return [];
  }
}

/** passwd(5): name, password, uid, gid, comment, home, shell. */
function readUsers(rows: readonly string[][]): Users {
  const byId = new Map<number, User>();
  const byName = new Map<string, User>();
  const namesById = new Map<number, string[]>();
  for (const [name = '', , uidText, gidText, , home = ''] of rows) {
    const uid = parseId(uidText);
    const gid = parseId(gidText);
    if (name === '' || uid === undefined || gid === undefined) continue;
    const user = { name, uid, gid, home };
    if (!byId.has(uid)) byId.set(uid, user);
    if (!byName.has(name)) byName.set(name, user);
    append(namesById, uid, name);
  }
  return { byId, byName, namesById };
}

/** group(5): name, password, gid, members with commas between. */
function readGroups(rows: readonly string[][]): Groups {
  const nameById = new Map<number, string>();
  const idByName = new Map<string, number>();
  const idsByMember = new Map<string, number[]>();
  for (const [name = '', , gidText, members = ''] of rows) {
    const gid = parseId(gidText);
    if (name === '' || gid === undefined) continue;
    if (!nameById.has(gid)) nameById.set(gid, name);
    if (!idByName.has(name)) idByName.set(name, gid);
    for (const member of members.split(',')) append(idsByMember, member.trim(), gid);
  }
  return { nameById, idByName, idsByMember };
}

/** Digits only: an empty field, or the `+` of an old name service, is no id. */
function parseId(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,10}$/.test(text) ? Number(text) : undefined;
}

function append<K, V>(lists: Map<K, V[]>, key: K, value: V): void {
  const list = lists.get(key);
  if (list) list.push(value);
  else lists.set(key, [value]);
}

const system = new Accounts('/etc/passwd', '/etc/group');
