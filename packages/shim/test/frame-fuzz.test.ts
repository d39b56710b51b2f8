import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { compiledShim } from './support/compiled-shim.ts';

const ITERATIONS = 1_000_000;

test(
  'the decoder takes exactly what the protocol has, and reads nothing beyond a frame: 2 million frames',
  { timeout: 300_000 },
  async () => {
    const fuzzer = compiledShim('fuzz');
    const runs = [1, 2].map((seed) => promisify(execFile)(fuzzer, [String(seed), String(ITERATIONS)]));
    for (const { stdout, stderr } of await Promise.all(runs)) {
      expect(stderr).toBe('');
      const [, decoded, refused] = /^(\d+) decoded, (\d+) refused\n$/.exec(stdout) ?? [];
      expect(Number(decoded) + Number(refused)).toBe(ITERATIONS);
      // Both happen often, or the fuzzer has lost its way.
      expect(Math.min(Number(decoded), Number(refused))).toBeGreaterThan(ITERATIONS / 10);
    }
  },
);

test('the fuzzer does the same again for the same numbers', async () => {
  const fuzz = (...args: readonly string[]) => promisify(execFile)(compiledShim('fuzz'), args);
  const [whole, again, head, tail] = await Promise.all([
    fuzz('3', '1000'),
    fuzz('3', '1000'),
    fuzz('3', '400'),
    fuzz('3', '600', '400'),
  ]);
  expect(again.stdout).toBe(whole.stdout);
  expect(decodedIn(head.stdout) + decodedIn(tail.stdout)).toBe(decodedIn(whole.stdout));
  await expect(fuzz('3')).rejects.toMatchObject({
    code: 2,
    stderr: expect.stringContaining('usage') as string,
  });
});

function decodedIn(stdout: string): number {
  return Number(/^\d+/.exec(stdout)?.[0]);
}
