import { expect, test } from 'vitest';
import { TextReplacement } from '../../src/files/text-replacement.ts';
import { chunked, seededRandom } from '../support/random.ts';

function replace(
  chunks: readonly Buffer[],
  oldText: string,
  newText: string,
): { text: string; count: number } {
  const replacement = new TextReplacement(oldText, newText);
  const pieces = chunks.flatMap((chunk) => [...replacement.push(chunk)]);
  pieces.push(replacement.finish());
  return { text: Buffer.concat(pieces).toString('latin1'), count: replacement.count };
}

test('contract §7.6: every occurrence, wherever the pieces are cut, as String.replaceAll does it', () => {
  const random = seededRandom(7);
  for (let round = 0; round < 2_000; round += 1) {
    const text = Array.from({ length: random.below(60) }, () => random.pick(['a', 'b', 'ab', '\n'])).join('');
    const oldText = Array.from({ length: 1 + random.below(4) }, () => random.pick(['a', 'b'])).join('');
    const newText = random.pick(['', 'a', '$&', 'bab']);
    const result = replace(chunked(random, Buffer.from(text), 8), oldText, newText);
    expect({ given: text, oldText, ...result }).toEqual({
      given: text,
      oldText,
      text: text.replaceAll(oldText, () => newText),
      count: text.split(oldText).length - 1,
    });
  }
});

test('bytes that are no text stay as they are', () => {
  const bytes = Buffer.from([0xff, 0x00, 0x61, 0xe2, 0x82]);
  expect(replace([bytes], 'a', 'b').text).toBe(
    Buffer.from([0xff, 0x00, 0x62, 0xe2, 0x82]).toString('latin1'),
  );
});

test('many occurrences come in few pieces', () => {
  const replacement = new TextReplacement('a', 'bc');
  const pieces = [...replacement.push(Buffer.alloc(100_000, 'a'))];
  expect(Buffer.concat(pieces).toString()).toBe('bc'.repeat(100_000));
  expect(pieces.length).toBeLessThan(250);
});
