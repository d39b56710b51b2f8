import type { Stats } from 'node:fs';
import { groupName, userName } from '../os/accounts.ts';
import { fileInfo } from './file-info.ts';
import type { OwnerNames } from './file-info.ts';

/** The infos of one answer as JSON. The name of an owner is looked up once, however many files it has. */
export class FileInfoEncoder implements OwnerNames {
  readonly #users = new Map<number, string>();
  readonly #groups = new Map<number, string>();

  /** JSON of the FileInfo of what was looked at, under this path. */
  encode(path: string, stats: Stats): string {
    return JSON.stringify(fileInfo(path, stats, this));
  }

  userName(uid: number): string {
    return remembered(this.#users, uid, userName);
  }

  groupName(gid: number): string {
    return remembered(this.#groups, gid, groupName);
  }
}

function remembered(names: Map<number, string>, id: number, find: (id: number) => string): string {
  const known = names.get(id);
  if (known !== undefined) return known;
  const name = find(id);
  names.set(id, name);
  return name;
}
