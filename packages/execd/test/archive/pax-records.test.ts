import { expect, test } from 'vitest';
import { paxRecord, readPaxRecords } from '../../src/archive/pax-records.ts';

function read(text: string): Record<string, string> {
  return Object.fromEntries(
    [...readPaxRecords(Buffer.from(text))].map(([key, value]) => [key, value.toString()]),
  );
}

test('what is known is taken, whatever is in it, the rest is passed over', () => {
  expect(read('11 path=a\n\n15 comment=abc\n20 mtime=123.456789\n7 uid=\n')).toEqual({
    path: 'a\n',
    mtime: '123.456789',
    uid: '',
  });
});

test.each([
  ['path=a\n', 'no length'],
  ['8 path=a\n', 'a length that is too small'],
  ['11 path=a\n', 'a length beyond the end'],
  ['10 path=ab', 'no line end'],
  ['010 path=a\n', 'a length with a zero in front'],
  ['-10 path=a\n', 'a negative length'],
  ['9 pathab\n', 'no equals sign'],
  ['99999999999999999999999 path=a\n', 'a length that is no number'],
  ['10 path=a\n\0\0', 'padding'],
  [' ', 'a space'],
])('%j is malformed: %s', (text) => {
  expect(() => read(text)).toThrow(/malformed extended header/);
});

test('a sparse file is refused', () => {
  expect(() => read('22 GNU.sparse.major=1\n')).toThrow(/sparse/);
});

test.each(Array.from({ length: 120 }, (_, length) => length))(
  'a record with a value of %d bytes',
  (length) => {
    const value = 'x'.repeat(length);
    const record = paxRecord('path', value);
    expect(record.toString()).toBe(`${record.length} path=${value}\n`);
    expect(read(record.toString())).toEqual({ path: value });
  },
);
