import { setTimeout as delay } from 'node:timers/promises';

/** A safety net: whoever waits for so long waits for ever. */
const LIMIT_MS = 10_000;
const LOOK_MS = 5;

/** Waits until something is true. Rejects, naming it, when it does not become so. */
export async function eventually(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadline = Date.now() + LIMIT_MS;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`this did not happen: ${what}`);
    await delay(LOOK_MS);
  }
}
