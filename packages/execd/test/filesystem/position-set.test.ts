import { expect, test } from 'vitest';
import { PositionSet } from '../../src/filesystem/position-set.ts';
import { seededRandom } from '../support/random.ts';
import type { Random } from '../support/random.ts';

/** Around the 32 bits of a word. */
const SIZES = [1, 2, 31, 32, 33, 63, 64, 65, 96, 200] as const;

function members(set: PositionSet): number[] {
  const found: number[] = [];
  for (let at = set.next(0); at >= 0; at = set.next(at + 1)) found.push(at);
  return found;
}

function randomSet(random: Random, size: number): { set: PositionSet; model: number[] } {
  const density = 1 + random.below(4);
  const model = Array.from({ length: size }, (_, position) => position).filter(
    () => random.below(density) === 0,
  );
  const set = new PositionSet(size);
  for (const position of model) set.add(position);
  return { set, model };
}

test.each(SIZES)('a set for %i positions does what sets do', (size) => {
  for (let seed = 1; seed <= 300; seed += 1) {
    const random = seededRandom(seed);
    const a = randomSet(random, size);
    const b = randomSet(random, size);
    const none = () => new PositionSet(size);
    expect(members(a.set)).toEqual(a.model);
    expect(a.set.isEmpty).toBe(a.model.length === 0);
    const from = random.below(size + 2);
    expect(a.set.next(from)).toBe(a.model.find((position) => position >= from) ?? -1);
    expect(a.set.has(from)).toBe(a.model.includes(from));
    const both = a.model.filter((position) => b.model.includes(position));
    expect(members(none().addAll(a.set).removeAll(b.set))).toEqual(
      a.model.filter((one) => !both.includes(one)),
    );
    expect(members(none().addAll(a.set).addAll(b.set))).toEqual(
      [...new Set([...a.model, ...b.model])].sort((left, right) => left - right),
    );
    const distance = random.below(size);
    const moved = both.map((position) => position + distance).filter((position) => position < size);
    // The last word has room beyond the size; nobody looks there.
    expect(members(none().addShifted(a.set, b.set, distance)).filter((one) => one < size)).toEqual(moved);
  }
});

test('a range holds both its ends, wherever the words end', () => {
  for (const first of [0, 1, 30, 31, 32, 33, 63, 64, 95]) {
    for (const last of [first, first + 1, 31, 32, 63, 64, 99].filter((end) => end >= first)) {
      const expected = Array.from({ length: last - first + 1 }, (_, index) => first + index);
      expect(members(new PositionSet(100).addRange(first, last))).toEqual(expected);
    }
  }
});
