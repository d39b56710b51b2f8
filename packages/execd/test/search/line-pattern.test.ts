import { expect, test } from 'vitest';
import { linePattern, requiredLiteral } from '../../src/search/line-pattern.ts';

test.each([
  ['TODO', 'TODO'],
  ['function \\w+\\(', 'function '],
  ['import .* from', 'import '],
  ['ab+c', 'ab'],
  ['ab*cde', 'cde'],
  ['ab?cde', 'cde'],
  ['ab{0,3}c', 'a'],
  ['ab{2}cd', 'cd'],
  ['ab+?cdef??g', 'cde'],
  ['ab*?cd', 'cd'],
  ['foo(bar|bazbaz)', 'foo'],
  ['(?:foo)?bar', 'bar'],
  ['(foo)*', ''],
  ['((a)bc(def))g', 'g'],
  ['(?!secret)x', 'x'],
  ['foo|bar', ''],
  ['[abc]def', 'def'],
  ['[^\\]|(]xyz', 'xyz'],
  ['a\\.b\\/c', 'a.b/c'],
  ['a\\nb', 'a'],
  ['a\\dbc', 'bc'],
  ['^abc$', 'abc'],
  ['😀?xyz', 'xyz'],
  ['x😀+', 'x😀'],
  ['\\u{1F600}abc', ''],
  ['\\p{Lu}abcdef', ''],
  ['', ''],
])('what matches %s holds %j', (source, literal) => {
  expect(requiredLiteral(source)).toBe(literal);
});

test('plain text matches itself and nothing else', () => {
  const text = String.raw`a.b*c(d)[e]{f}^$|\d/?+-`;
  const { source, flags, literal } = linePattern(text, true, false);
  expect(literal).toBe(text);
  expect(new RegExp(`^${source}$`, flags).test(text)).toBe(true);
  expect(new RegExp(source, flags).test(text.replace('.', 'x'))).toBe(false);
});

test('no literal is certain when case does not matter, and none that bytes without meaning could be', () => {
  expect(linePattern('abc', false, true)).toEqual({ source: 'abc', flags: 'ui', literal: undefined });
  expect(linePattern('ab\uFFFD', true, false).literal).toBeUndefined();
});

test.each(['(', 'a{2,1}', '[b-a]', '\\'])('%s is refused with the reason', (source) => {
  expect(() => linePattern(source, false, false)).toThrow(
    expect.objectContaining({ kind: 'invalid-argument', code: 'INVALID_REQUEST_BODY' }),
  );
});
