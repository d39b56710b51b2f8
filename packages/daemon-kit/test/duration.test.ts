import { expect, test } from 'vitest';
import { formatDuration, parseDuration } from '../src/duration.ts';

test.each([
  ['0', 0],
  ['0s', 0],
  ['500ms', 500],
  ['3s', 3_000],
  ['1m30s', 90_000],
  ['1h', 3_600_000],
  ['1.5h', 5_400_000],
  ['1h0m0.5s', 3_600_500],
  ['24h', 86_400_000],
  ['1500us', 1.5],
  ['1500µs', 1.5],
  ['2000000ns', 2],
  ['+5s', 5_000],
  ['-5s', -5_000],
  ['-1m30s', -90_000],
])('contract §13.1: %s is %d ms', (text, ms) => {
  expect(parseDuration(text)).toBeCloseTo(ms, 9);
});

test.each([
  '',
  ' ',
  '5',
  '5 s',
  ' 5s',
  '5s ',
  's',
  '5d',
  '5S',
  '1m 30s',
  '1e3s',
  '--5s',
  '5s-',
  '5s,',
  '0x1s',
  'soon',
])('contract §13.1: %j is no duration', (text) => {
  expect(parseDuration(text)).toBeUndefined();
});

test.each([
  [0, '0s'],
  [1, '1ms'],
  [999, '999ms'],
  [1_000, '1s'],
  [1_500, '1.5s'],
  [59_999, '59.999s'],
  [60_000, '1m0s'],
  [90_000, '1m30s'],
  [61_100, '1m1.1s'],
  [3_600_000, '1h0m0s'],
  [3_661_001, '1h1m1.001s'],
  [86_400_000, '24h0m0s'],
])('%d ms print as %s, as Go does, and read back', (ms, text) => {
  expect(formatDuration(ms)).toBe(text);
  expect(parseDuration(text)).toBeCloseTo(ms, 6);
});
