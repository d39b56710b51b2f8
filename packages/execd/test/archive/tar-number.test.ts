import { describe, expect, test } from 'vitest';
import { readNumber, writeNumber } from '../../src/archive/tar-number.ts';
import { base256 } from '../support/tar.ts';

test.each([
  ['0000644\0', 0o644],
  ['0000644 ', 0o644],
  ['   644 \0', 0o644],
  ['00000644', 0o644],
  ['644\0junk', 0o644],
  ['\0\0\0\0\0\0\0\0', 0],
  ['        ', 0],
  ['7777777\0', 0o7777777],
])('the field %j is %d', (field, value) => {
  expect(readNumber(Buffer.from(field, 'latin1'))).toBe(value);
});

test.each(['8\0', '0x10\0', '-1\0', 'abc', '12a4567\0', '1.5\0'])('the field %j is no number', (field) => {
  expect(readNumber(Buffer.from(field, 'latin1'))).toBeUndefined();
});

test.each([[0n], [1n], [-1n], [-1_000_000_000n], [2n ** 33n], [2n ** 53n - 1n], [-(2n ** 53n) + 1n]])(
  'base-256 holds %d',
  (value) => {
    expect(readNumber(base256(value, 12))).toBe(Number(value));
  },
);

test.each([[2n ** 53n], [2n ** 90n], [-(2n ** 90n)]])('%d is more than a number can hold', (value) => {
  expect(readNumber(base256(value, 12))).toBeUndefined();
});

describe('what is written is what is read', () => {
  test.each([0, 1, 0o7777777, 0o10000000, 4_294_967_294, -1])('%d in 8 bytes', (value) => {
    const field = Buffer.alloc(8);
    writeNumber(field, value);
    expect(readNumber(field)).toBe(value);
  });

  test.each([0, 8 ** 11 - 1, 8 ** 11, 2 ** 53 - 1, -1, -(2 ** 31), -(2 ** 53) + 1])(
    '%d in 12 bytes',
    (value) => {
      const field = Buffer.alloc(12);
      writeNumber(field, value);
      expect(readNumber(field)).toBe(value);
    },
  );

  test('what fits is octal digits, which every reader knows', () => {
    const field = Buffer.alloc(12);
    writeNumber(field, 8 ** 11 - 1);
    expect(field.toString('latin1')).toBe('77777777777\0');
    writeNumber(field, 8 ** 11);
    expect(field.toString('hex')).toBe('800000000000000200000000');
  });
});
