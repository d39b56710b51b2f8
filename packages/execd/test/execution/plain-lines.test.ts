import { expect, test } from 'vitest';
import { encodeBlock } from '../../src/execution/event-encoder.ts';
import { isPlain, plainSize, writePlainLines } from '../../src/execution/plain-lines.ts';
import type { OutputBlock } from '../../src/output/output-block.ts';
import { seededRandom } from '../support/random.ts';

function linesBlock(text: string | Buffer, more: Partial<OutputBlock> = {}): OutputBlock {
  const bytes = Buffer.from(text);
  const afterCarriageReturn = more.afterCarriageReturn ?? false;
  const terminators =
    bytes.filter((byte) => byte === 10).length - (afterCarriageReturn && bytes[0] === 10 ? 1 : 0);
  const eventCount = more.kind === 'fragment' ? 1 : terminators;
  return {
    stream: 'stdout',
    timestamp: 1_700_000_000_123,
    kind: 'lines',
    ...more,
    afterCarriageReturn,
    eventCount,
    bytes,
  };
}

/** What the fast way writes, behind something that it must not touch. */
function written(block: OutputBlock): string {
  const target = Buffer.alloc(3 + plainSize(block), '#');
  const end = writePlainLines(block, target, 3);
  expect(target.toString('latin1', 0, 3)).toBe('###');
  return target.toString('utf8', 3, end);
}

test.each([['one\n'], ['one\ntwo\n'], ['\n'], ['\n\n\n'], ['a\n\nb\n'], ['\na\n'], ['äöü ✓\n😀\n']])(
  'plain lines %j are the same events as by the ordinary way',
  (text) => {
    for (const afterCarriageReturn of [false, true]) {
      const block = linesBlock(text, { afterCarriageReturn, stream: 'stderr' });
      expect(isPlain(block)).toBe(true);
      expect(written(block)).toBe(encodeBlock(block, 'bare', 2));
    }
  },
);

test('a fragment is one event', () => {
  const block = linesBlock('no end', { kind: 'fragment' });
  expect(written(block)).toBe(encodeBlock(block, 'bare', 2));
});

test.each([
  ['a quote', 'a"b\n'],
  ['a backslash', 'a\\b\n'],
  ['a tab', 'a\tb\n'],
  ['a carriage return', 'a\r\n'],
  ['NUL', 'a\0\n'],
  ['NEL', 'a\u0085\n'],
  ['LS', 'a\u2028\n'],
  ['PS', 'a\u2029\n'],
  ['what is not UTF-8', Buffer.from([0x61, 0xff, 0x0a])],
  ['half a character', Buffer.from([0xc3, 0x0a])],
])('a block with %s is not plain', (_name, text) => {
  expect(isPlain(linesBlock(text))).toBe(false);
});

test('a thousand random plain blocks are the same events as by the ordinary way', () => {
  const random = seededRandom(20_261_121);
  const alphabet = ['a', 'bc', ' ', '\n', '\n\n', 'ä', '✓', '😀', '{', '}', '\u007f'];
  for (let round = 0; round < 1_000; round += 1) {
    const length = 1 + random.below(200);
    const text = Array.from({ length }, () => alphabet[random.below(alphabet.length)] ?? '').join('');
    const block = linesBlock(`${text}\n`, { afterCarriageReturn: random.below(2) === 0 });
    expect(written(block), `seed 20261121, round ${round}`).toBe(encodeBlock(block, 'bare', 2));
  }
});
