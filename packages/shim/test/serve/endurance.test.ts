import { describe, expect, test } from 'vitest';
import { childrenOf, openDescriptors, statusNumber } from '../support/processes.ts';
import { program, script } from '../support/requests.ts';
import type { FinishedChild } from '../support/running-child.ts';
import { Serve } from '../support/serve.ts';
import { isSanitized } from '../support/shim-program.ts';

/** Sanitizers find in fewer what is lost. */
const SPAWNS = isSanitized() ? 2_000 : 10_000;
const AT_ONCE = 32;
/** What may be added by the pages that an allocator keeps, KiB. */
const DRIFT_KIB = isSanitized() ? 16 * 1024 : 256;

describe('Endurance', () => {
  test(`${SPAWNS} children leave nothing behind in the shim`, async () => {
    await using serve = await Serve.start();
    await runMany(serve, 1000);
    const descriptors = openDescriptors(serve.pid);
    const resident = statusNumber(serve.pid, 'VmRSS');
    const finished = await runMany(serve, SPAWNS);
    expect(finished).toBe(SPAWNS);
    expect(openDescriptors(serve.pid)).toBe(descriptors);
    expect(childrenOf(serve.pid)).toEqual([]);
    expect(statusNumber(serve.pid, 'VmRSS') - resident).toBeLessThan(DRIFT_KIB);
  }, 120_000);

  test('1,000 children that cannot be started leave nothing behind either', async () => {
    await using serve = await Serve.start();
    const fail = () => serve.start(program(['/nowhere'])).catch(() => undefined);
    for (let count = 0; count < 100; count++) await fail();
    const descriptors = openDescriptors(serve.pid);
    const resident = statusNumber(serve.pid, 'VmRSS');
    for (let count = 0; count < 1000; count++) await fail();
    expect(openDescriptors(serve.pid)).toBe(descriptors);
    expect(statusNumber(serve.pid, 'VmRSS') - resident).toBeLessThan(DRIFT_KIB);
  });

  test('output that was kept is forgotten with its child', async () => {
    await using serve = await Serve.start();
    const large = () => serve.run(script('head -c 3000000 /dev/zero; head -c 500000 /dev/zero >&2'));
    for (let count = 0; count < 10; count++) await large();
    const resident = statusNumber(serve.pid, 'VmRSS');
    for (let count = 0; count < 25; count++) await large();
    expect(statusNumber(serve.pid, 'VmRSS') - resident).toBeLessThan(DRIFT_KIB + 2048);
  });
});

/** Runs so many children, some at a time; gives how many ended as they should. */
async function runMany(serve: Serve, total: number): Promise<number> {
  let started = 0;
  let right = 0;
  const worker = async () => {
    while (started < total) {
      const number = started++;
      const finished = await serve.run(requestOf(number));
      if (isRight(number, finished)) right++;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return right;
}

function requestOf(number: number) {
  return program(['/bin/echo', String(number)], { mergeOutput: number % 2 === 0 });
}

function isRight(number: number, { stdout, exit }: FinishedChild): boolean {
  return stdout === `${number}\n` && exit.how === 'code' && exit.value === 0;
}
