import { expect, test } from 'vitest';
import { GlobError, compileGlob } from '../../src/filesystem/glob.ts';

test.each([
  { limit: 'length', fits: 'a'.repeat(1000), over: 'a'.repeat(1001), message: 'longer than 1000 characters' },
  {
    limit: 'braces',
    fits: nest('{a,', 'b', '}', 20),
    over: nest('{a,', 'b', '}', 21),
    message: 'deeper than 20 levels',
  },
  {
    limit: 'parentheses',
    fits: `!(${nest('(', 'b', ')', 19)})`,
    over: `!(${nest('(', 'b', ')', 20)})`,
    message: 'deeper than 20 levels',
  },
  { limit: 'negations', fits: '!(a)'.repeat(10), over: '!(a)'.repeat(11), message: 'more than 10 negations' },
  {
    limit: 'nested negations',
    fits: nest('!(a', 'b', ')', 10),
    over: nest('!(a', 'b', ')', 11),
    message: 'more than 10 negations',
  },
])(
  'a pattern over the limit of $limit is refused with a message that names it',
  ({ fits, over, message }) => {
    expect(() => compileGlob(fits)).not.toThrow();
    expect(() => compileGlob(over)).toThrow(GlobError);
    expect(() => compileGlob(over)).toThrow(message);
  },
);

function nest(open: string, middle: string, close: string, levels: number): string {
  return open.repeat(levels) + middle + close.repeat(levels);
}

const LETTERS = 'a'.repeat(255);

test.each([
  { name: 'stars, no end', pattern: `${'*a'.repeat(498)}b?`, text: LETTERS, matches: false },
  { name: 'stars with an end', pattern: `${'*a'.repeat(255)}*?*`, text: `${LETTERS}b`, matches: true },
  { name: 'one star too many', pattern: `${'*a'.repeat(256)}*`, text: LETTERS, matches: false },
  { name: 'stars and question marks', pattern: '*?'.repeat(300), text: LETTERS, matches: false },
  { name: 'as many question marks as letters', pattern: '*?'.repeat(255), text: LETTERS, matches: true },
  { name: 'stars and classes', pattern: `${'*[ab]'.repeat(150)}c*`, text: LETTERS, matches: false },
  { name: 'braces in a row', pattern: `${'{a,aa}'.repeat(160)}b?`, text: LETTERS, matches: false },
  {
    name: 'braces in a row with an end',
    pattern: `${'{a,aa}'.repeat(160)}{b,c}`,
    text: `${LETTERS}c`,
    matches: true,
  },
  {
    name: 'braces with nothing',
    pattern: `${'{,a}'.repeat(240)}b*`,
    text: `${'a'.repeat(240)}b`,
    matches: true,
  },
  {
    name: 'nested braces',
    pattern: `${nest('{a,', 'b', '}', 20)}*${nest('{a*,', 'c', '}', 20)}`,
    text: LETTERS,
    matches: true,
  },
  {
    name: 'nested braces, each twice',
    pattern: nest('{', '*a', ',*aa}', 20).repeat(7) + 'b*',
    text: LETTERS,
    matches: false,
  },
  { name: 'stars in braces', pattern: `${'{*a,*b}'.repeat(120)}c?`, text: LETTERS, matches: false },
  { name: 'many alternatives', pattern: `{${'a*b,'.repeat(240)}*}`, text: LETTERS, matches: true },
  { name: 'stars in a negation', pattern: `*!(${'*a'.repeat(480)}b)`, text: LETTERS, matches: true },
  { name: 'negations in a row', pattern: `${'!(*b)'.repeat(10)}c?`, text: LETTERS, matches: false },
  { name: 'nested negations', pattern: nest('*!(?', 'a', '*)', 10), text: LETTERS, matches: true },
])('hostile pattern: $name', ({ pattern, text, matches }) => {
  expect(compileGlob(pattern).matchesName(text)).toBe(matches);
});

const DEEP = `${'a/'.repeat(2046)}bbc`;

test.each([
  { name: 'directories in a row', pattern: `${'**/'.repeat(300)}c?`, matches: false },
  { name: 'directories and letters', pattern: `${'**/a/'.repeat(190)}bb?`, matches: true },
  { name: 'directories and stars', pattern: `${'**/*a'.repeat(190)}/?`, matches: false },
  { name: 'directories and negations', pattern: `${'**/!(b*)/'.repeat(10)}b*c`, matches: true },
  { name: 'directories in braces', pattern: `${'{**,a}/'.repeat(140)}d?`, matches: false },
])('hostile pattern for a path of 4,095 bytes: $name', ({ pattern, matches }) => {
  expect(compileGlob(pattern).matchesPath(DEEP)).toBe(matches);
});
