import { setTimeout as delay } from 'node:timers/promises';

const LIMIT_MS = 15_000;

/** Resolves as soon as the condition holds. For what happens in another process, which tells nobody. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + LIMIT_MS;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`waited in vain for ${condition.toString()}`);
    await delay(2);
  }
}

/** The same promise, which does not take for ever: a test that waits in vain must come to its end and clean up. */
export async function inTime<T>(promise: Promise<T>): Promise<T> {
  const tooLate = Promise.withResolvers<never>();
  using _limit = setTimeout(() => tooLate.reject(new Error('waited in vain')), LIMIT_MS);
  return await Promise.race([promise, tooLate.promise]);
}
