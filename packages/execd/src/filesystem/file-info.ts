import type { Stats } from 'node:fs';
import type { FileInfo } from '../contract/file-fields.ts';
import { groupName, userName } from '../os/accounts.ts';
import { typeOf } from './walk.ts';

/** Finds the names of ids, decimal digits for an id that has none. */
export interface OwnerNames {
  userName(uid: number): string;
  groupName(gid: number): string;
}

/** Finds the names of ids, decimal digits for an id that has none. */
export interface OwnerNames {
  userName(uid: number): string;
  groupName(gid: number): string;
}

/** The info of what was looked at, under this path. */
export function fileInfo(path: string, stats: Stats, names: OwnerNames = { userName, groupName }): FileInfo {
  return {
    path,
    type: typeOf(stats),
    size: stats.size,
    modified_at: timestamp(stats.mtimeMs),
    created_at: timestamp(stats.ctimeMs),
    owner: names.userName(stats.uid),
    group: names.groupName(stats.gid),
    mode: Number((stats.mode & 0o777).toString(8)),
  };
}

const EARLIEST_MS = Date.parse('0001-01-01T00:00:00Z');
const LATEST_MS = Date.UTC(9999, 11, 31, 23, 59, 59);

/** RFC 3339. A file may claim any time; years outside of 1 to 9999 have no such form. */
function timestamp(ms: number): string {
  return new Date(Math.min(Math.max(ms, EARLIEST_MS), LATEST_MS)).toISOString();
}
