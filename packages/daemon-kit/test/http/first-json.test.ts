import { expect, test } from 'vitest';
import { parseFirstJson } from '../../src/http/first-json.ts';

test.each([
  { text: '{"a":1}', value: { a: 1 } },
  { text: ' \r\n\t{"a":1} \n', value: { a: 1 } },
  { text: '{"a":1}garbage', value: { a: 1 } },
  { text: '{"a":1}{"a":2}', value: { a: 1 } },
  { text: '{"a":1}\n{"a":2}\n', value: { a: 1 } },
  { text: '{"a":1}}', value: { a: 1 } },
  { text: '{"a":{"b":[{"c":{}}]}} x', value: { a: { b: [{ c: {} }] } } },
  { text: '{"a":"}{][","b":"\\"}"} x', value: { a: '}{][', b: '"}' } },
  { text: String.raw`{"a":"\\"} "x"`, value: { a: '\\' } },
  { text: String.raw`{"a\\\"}":1}]`, value: { 'a\\"}': 1 } },
  { text: '[1,[2],"]"],3', value: [1, [2], ']'] },
  { text: '"a\\"b"c', value: 'a"b' },
  { text: 'null', value: null },
  { text: 'null {"a":1}', value: null },
  { text: 'true,false', value: true },
  { text: '1.5e3 2', value: Number.NaN },
  { text: '{"a":1,"a":2}', value: { a: 2 } },
  { text: '{}\0', value: {} },
])('contract §1.4: of $text the first value counts', ({ text, value }) => {
  expect(parseFirstJson(text)).toEqual(value);
});

test.each(['', ' ', '\r\n\t '])('contract §1.4: an empty body (%j) ends in EOF', (text) => {
  expect(() => parseFirstJson(text)).toThrow(new SyntaxError('EOF'));
});

test.each([
  '{',
  '{"a":1',
  '{"a":"}',
  '{"a":1]',
  '[1}',
  '"abc',
  'nul',
  '{a:1}',
  "{'a':1} x",
  '}',
  ',',
  'undefined',
  '{"a":"\n"}',
  '-',
])('contract §1.4: %j is a syntax error', (text) => {
  expect(() => parseFirstJson(text)).toThrow(SyntaxError);
});

test('contract §1.4: a million brackets inside a string and behind the value are no trouble', () => {
  const brackets = '{['.repeat(500_000);
  expect(parseFirstJson(`{"a":"${brackets}"}${brackets}`)).toEqual({ a: brackets });
});
