import { expect, test } from 'vitest';
import { checkLinkTarget, memberNames } from '../../src/archive/member-name.ts';

test.each([
  ['a', ['a']],
  ['./a/b', ['a', 'b']],
  ['a//b/', ['a', 'b']],
  ['a/./b/.', ['a', 'b']],
  ['./', []],
  ['...', ['...']],
  ['a/..b', ['a', '..b']],
  [' ', [' ']],
  ['a\\..\\b', ['a\\..\\b']],
  ['x'.repeat(255), ['x'.repeat(255)]],
])('%j stays inside', (name, names) => {
  expect(memberNames(name)).toEqual(names);
});

test.each([
  ['', /without a name/],
  ['/etc/passwd', /absolute/],
  ['//a', /absolute/],
  ['..', /goes up/],
  ['../a', /goes up/],
  ['a/..', /goes up/],
  ['a/../b', /goes up/],
  ['./../a', /goes up/],
  ['a\0b', /NUL/],
  ['x'.repeat(256), /more than 255 bytes/],
  ['é'.repeat(128), /more than 255 bytes/],
  ['xx/'.repeat(1366), /more than 4096 bytes/],
])('%j is refused', (name, reason) => {
  expect(() => memberNames(name)).toThrow(reason);
});

test.each([
  ['b', 'a'],
  ['..', 'd/l'],
  ['../b', 'd/l'],
  ['../../x/y', 'd/e/l'],
  ['./b/./c//d', 'l'],
  ['.', 'l'],
  ['..b', 'l'],
])('a link to %j may stand at %j', (target, link) => {
  checkLinkTarget(target, link.split('/'));
});

test.each([
  ['', 'l', /nowhere/],
  ['/', 'l', /absolute/],
  ['/etc/passwd', 'l', /absolute/],
  ['..', 'l', /leads out/],
  ['../x', 'l', /leads out/],
  ['../../x', 'd/l', /leads out/],
  // `b` may be a link to somewhere else.
  ['b/../..', 'd/l', /leads out/],
  ['b/../c', 'l', /leads out/],
  ['a\0b', 'l', /NUL/],
  ['x/'.repeat(2049), 'l', /more than 4096 bytes/],
])('a link to %j may not stand at %j', (target, link, reason) => {
  expect(() => checkLinkTarget(target, link.split('/'))).toThrow(reason);
});
