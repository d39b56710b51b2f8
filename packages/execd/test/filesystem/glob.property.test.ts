import { expect, test } from 'vitest';
import { compileGlob } from '../../src/filesystem/glob.ts';
import { matchesReference, randomPieces, randomText, writePattern } from '../support/glob-reference.ts';
import { seededRandom } from '../support/random.ts';

const PATTERNS = 6_000;
const TEXTS = 12;

test.each([
  { kind: 'names', segments: 1 },
  { kind: 'paths', segments: 4 },
] as const)('contract §7.5: random patterns match the same $kind as by trying everything', ({ segments }) => {
  let matched = 0;
  for (let seed = 1; seed <= PATTERNS; seed += 1) {
    const random = seededRandom(seed);
    const pieces = randomPieces(random, 5);
    // A directory before all of it changes nothing, but brings long texts and patterns without a root of their own.
    const directory = segments > 1 ? `${'d'.repeat(1 + random.below(70))}/` : '';
    const pattern = directory + writePattern(pieces, random);
    const glob = compileGlob(pattern);
    for (let count = 0; count < TEXTS; count += 1) {
      const text = randomText(random, segments);
      const expected = matchesReference(pieces, text);
      const actual = segments > 1 ? glob.matchesPath(directory + text) : glob.matchesName(text);
      if (actual !== expected)
        expect.fail(`seed ${seed}: ${pattern} should ${expected ? '' : 'not '}match ${text}`);
      matched += expected ? 1 : 0;
    }
  }
  // Otherwise the patterns say nothing.
  expect(matched).toBeGreaterThan((PATTERNS * TEXTS) / 20);
});
