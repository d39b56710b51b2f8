import type { Stats } from 'node:fs';
import type { FileCalls } from './file-calls.ts';
import type { Attributes } from './permission.ts';
import type { StagedFile } from './staged-file.ts';

const MODE_BITS = 0o7777;
const SPECIAL_BITS = 0o7000;

/** Read once: asking for it sets it for a moment. */
export const UMASK = process.umask();

/** Whether a new file has these attributes when it is created with their mode, and nothing is to be set. */
export function hasCreatedMode({ mode = 0, uid, gid }: Attributes): boolean {
  return uid === undefined && gid === undefined && (mode & UMASK) === 0;
}

/**
 * Gives a staged file its owner and mode: what is asked for, else those of the file that it takes the place of. Rejects
 * with the system's error for a wish that was expressed.
 */
export async function setStagedAttributes(
  staged: StagedFile,
  wanted: Attributes,
  existing: Stats | undefined,
  calls: FileCalls,
): Promise<void> {
  const { mode } = wanted;
  if (existing) await keepOwner(staged, wanted, existing, calls);
  else if (wanted.uid !== undefined || wanted.gid !== undefined) {
    await calls.fchown(staged.descriptor, wanted.uid ?? -1, wanted.gid ?? -1);
  }
  // Behind the owner: a change of owner clears the special bits.
  const exact = mode ?? (existing && existing.mode & MODE_BITS);
  if (exact !== undefined && (exact & (UMASK | SPECIAL_BITS)) !== 0) {
    await calls.fchmod(staged.descriptor, exact);
  }
}

async function keepOwner(
  staged: StagedFile,
  wanted: Attributes,
  existing: Stats,
  calls: FileCalls,
): Promise<void> {
  const uid = wanted.uid ?? existing.uid;
  const gid = wanted.gid ?? existing.gid;
  const created = await calls.fstat(staged.descriptor);
  if (created.uid === uid && created.gid === gid) return;
  try {
    await calls.fchown(staged.descriptor, uid, gid);
  } catch (error) {
    // Who may not give files away keeps what it writes; only a wish that was expressed fails.
    if (wanted.uid !== undefined || wanted.gid !== undefined) throw error;
  }
}
