import { accessSync, constants, readFileSync } from 'node:fs';

const FILE = '/proc/self/oom_score_adj';
const HIGHEST = 1_000;
/** What children have more than the daemon: a tenth of the memory in the kernel's eyes. */
const CHILD_SURPLUS = 100;

/**
 * The oom_score_adj for children (proc(5)): when memory is short, the kernel takes one of them rather than the daemon that
 * could tell of it. Raising it needs no privilege. Undefined where /proc does not let us.
 */
export function childOomScoreAdjustment(): number | undefined {
  try {
    accessSync(FILE, constants.W_OK);
    const own = Number(readFileSync(FILE, 'utf8'));
    return Number.isInteger(own) ? Math.min(HIGHEST, own + CHILD_SURPLUS) : undefined;
  } catch {
    return undefined;
  }
}
