import { ServiceError } from '@pod-agent/daemon-kit/service-error';
import { chmod, chown } from 'node:fs/promises';
import { findGroup, findUser } from '../os/accounts.ts';

/** What a request wants a file to be (contract §6). Absent, null, `""` and mode 0 leave things as they are. */
export interface Permission {
  /** Octal digits in a decimal number: 755 is 0o755. */
  readonly mode?: number | null | undefined;
  /** A name, or a number that is no name. */
  readonly owner?: string | null | undefined;
  readonly group?: string | null | undefined;
}

/** A permission as the system takes it; what is undefined stays as it is. */
export interface Attributes {
  readonly mode: number | undefined;
  readonly uid: number | undefined;
  readonly gid: number | undefined;
}

/** Nothing is to be changed. */
export const UNCHANGED: Attributes = { mode: undefined, uid: undefined, gid: undefined };

const PERMISSION_BITS = 0o777;

/**
 * Looks owner and group up and reads the mode, of which the nine permission bits count. Throws `internal` with a text
 * that begins with `context`, as the contract has it (§7.4), for an unknown name or digits that are not octal.
 */
export function resolvePermission(permission: Permission, context: string): Attributes {
  return {
    mode: readMode(permission.mode ?? 0, context),
    uid: lookUp(permission.owner, findUser, 'user', context),
    gid: lookUp(permission.group, findGroup, 'group', context),
  };
}

function readMode(mode: number, context: string): number | undefined {
  if (mode === 0) return undefined;
  const digits = String(mode);
  if (!/^[0-7]+$/.test(digits)) throw failure(`${context}invalid mode ${digits}: octal digits are needed`);
  return Number.parseInt(digits, 8) & PERMISSION_BITS;
}

const LARGEST_ID = 0xffff_fffe;

function lookUp(
  name: string | null | undefined,
  find: (name: string) => number | undefined,
  kind: 'user' | 'group',
  context: string,
): number | undefined {
  if (name === undefined || name === null || name === '') return undefined;
  const id = find(name) ?? (/^\d{1,10}$/.test(name) ? Number(name) : undefined);
  if (id !== undefined && id <= LARGEST_ID) return id;
  throw failure(`${context}failed to lookup ${kind} ${name}: ${kind}: unknown ${kind} ${name}`);
}

function failure(message: string): ServiceError {
  return new ServiceError('internal', 'RUNTIME_ERROR', message);
}
/** Sets mode, then owner and group, of what the path leads to. Rejects with the system's error. */
export async function applyAttributes(path: string, { mode, uid, gid }: Attributes): Promise<void> {
  if (mode !== undefined) await chmod(path, mode);
  if (uid !== undefined || gid !== undefined) await chown(path, uid ?? -1, gid ?? -1);
}
