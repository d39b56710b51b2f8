import { expect, test } from 'vitest';
import { parseByteRange } from '../../src/http/byte-range.ts';

const part = (start: number, end: number) => ({ kind: 'part', start, end });
const WHOLE = { kind: 'whole' };
const UNSATISFIABLE = { kind: 'unsatisfiable' };
const MALFORMED = { kind: 'malformed' };

test.each([
  { header: undefined, range: WHOLE },
  { header: '', range: WHOLE },
  { header: 'bytes=0-9', range: part(0, 9) },
  { header: 'bytes=0-0', range: part(0, 0) },
  { header: 'bytes=10-19', range: part(10, 19) },
  { header: 'bytes=54-54', range: part(54, 54) },
  { header: 'bytes=0-54', range: part(0, 54) },
  { header: 'bytes=007-008', range: part(7, 8) },
  { header: 'bytes=50-55', range: part(50, 54) },
  { header: 'bytes=50-1000', range: part(50, 54) },
  { header: 'bytes=0-', range: part(0, 54) },
  { header: 'bytes=10-', range: part(10, 54) },
  { header: 'bytes=54-', range: part(54, 54) },
  { header: 'bytes=-1', range: part(54, 54) },
  { header: 'bytes=-10', range: part(45, 54) },
  { header: 'bytes=-55', range: part(0, 54) },
  { header: 'bytes=-1000', range: part(0, 54) },
  { header: 'bytes=-0', range: UNSATISFIABLE },
  { header: 'bytes=55-', range: UNSATISFIABLE },
  { header: 'bytes=55-55', range: UNSATISFIABLE },
  { header: 'bytes=55-100,200-', range: UNSATISFIABLE },
  { header: 'bytes=0-0,-1', range: part(0, 0) },
  { header: 'bytes=-1,0-0', range: part(54, 54) },
  { header: 'bytes=100-,5-6,7-8', range: part(5, 6) },
  { header: 'bytes=-0,5-6', range: part(5, 6) },
  { header: 'bytes=0-54,0-54', range: part(0, 54) },
  { header: 'bytes= 0-9', range: part(0, 9) },
  { header: 'bytes=0-9 ', range: part(0, 9) },
  { header: 'bytes=1-2 , 3-4', range: part(1, 2) },
  { header: 'bytes=\t1 - 2\t,\t-1', range: part(1, 2) },
  { header: 'bytes=,1-2', range: part(1, 2) },
  { header: 'bytes=1-2,,', range: part(1, 2) },
  { header: 'bytes=0-9007199254740993', range: part(0, 54) },
  { header: 'bytes=0-99999999999999999999999', range: part(0, 54) },
  { header: 'bytes=-99999999999999999999999', range: part(0, 54) },
  { header: 'bytes=9007199254740993-', range: UNSATISFIABLE },
  { header: `bytes=${'9'.repeat(400)}-${'9'.repeat(401)}`, range: UNSATISFIABLE },
  { header: `bytes=0-${'9'.repeat(400)}`, range: part(0, 54) },
  { header: 'bytes=', range: MALFORMED },
  { header: 'bytes=,', range: MALFORMED },
  { header: 'bytes= , ', range: MALFORMED },
  { header: 'bytes', range: MALFORMED },
  { header: 'bytes=foo', range: MALFORMED },
  { header: 'bytes=-', range: MALFORMED },
  { header: 'bytes=--1', range: MALFORMED },
  { header: 'bytes=5', range: MALFORMED },
  { header: 'bytes=9-0', range: MALFORMED },
  { header: 'bytes=100-60', range: MALFORMED },
  { header: 'bytes=100-x', range: MALFORMED },
  { header: 'bytes=1-2-3', range: MALFORMED },
  { header: 'bytes=1.5-2', range: MALFORMED },
  { header: 'bytes=1e1-20', range: MALFORMED },
  { header: 'bytes=0x1-0x2', range: MALFORMED },
  { header: 'bytes=+1-2', range: MALFORMED },
  { header: 'bytes=1 2-3', range: MALFORMED },
  { header: 'bytes=\u00a01-2', range: MALFORMED },
  { header: 'bytes=١-٢', range: MALFORMED },
  { header: 'bytes=0-9,foo', range: MALFORMED },
  { header: 'bytes=0-9;1-2', range: MALFORMED },
  { header: 'bytes =0-9', range: MALFORMED },
  { header: ' bytes=0-9', range: MALFORMED },
  { header: 'Bytes=0-9', range: MALFORMED },
  { header: 'lines=0-9', range: MALFORMED },
  { header: '0-9', range: MALFORMED },
])('contract §7.8: $header of 55 bytes is $range', ({ header, range }) => {
  expect(parseByteRange(header, 55)).toEqual(range);
});

test.each([
  { header: 'bytes=0-0', range: WHOLE },
  { header: 'bytes=0-', range: WHOLE },
  { header: 'bytes=5-9', range: WHOLE },
  { header: 'bytes=-5', range: WHOLE },
  { header: 'bytes=-0', range: WHOLE },
  { header: undefined, range: WHOLE },
  { header: 'bytes=9-5', range: MALFORMED },
  { header: 'bytes=', range: MALFORMED },
  { header: 'bytes=foo', range: MALFORMED },
])('contract §7.8: $header of an empty file is $range', ({ header, range }) => {
  expect(parseByteRange(header, 0)).toEqual(range);
});

test('positions are exact up to the largest size', () => {
  const size = Number.MAX_SAFE_INTEGER;
  expect(parseByteRange('bytes=-1', size)).toEqual(part(size - 1, size - 1));
  expect(parseByteRange(`bytes=${size - 2}-${size}`, size)).toEqual(part(size - 2, size - 1));
  expect(parseByteRange(`bytes=${size}-`, size)).toEqual(UNSATISFIABLE);
});

test('a header of a megabyte is read in one go: no part of it is looked at again and again', () => {
  const blanks = ' '.repeat(1_000_000);
  expect(parseByteRange(`bytes=${blanks}x${blanks}`, 55)).toEqual(MALFORMED);
  expect(parseByteRange(`bytes=${blanks}1${blanks}-${blanks}2${blanks}`, 55)).toEqual(part(1, 2));
  expect(parseByteRange(`bytes=${'60-,'.repeat(250_000)}1-2`, 55)).toEqual(part(1, 2));
  expect(parseByteRange(`bytes=${'9'.repeat(1_000_000)}-`, 55)).toEqual(UNSATISFIABLE);
});
