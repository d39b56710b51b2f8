import { expect, test } from 'vitest';
import { UndefinedVariablesError, expandPath } from '../../src/os/path-expansion.ts';

const ENVIRONMENT = { HOME: '/home/u', DIR: 'd', EMPTY: '', TILDE: '~/x', NESTED: '$DIR', _1: 'under' };

test.each([
  { path: '', expanded: '' },
  { path: '/a/b', expanded: '/a/b' },
  { path: '/a/../b//c/.', expanded: '/a/../b//c/.' },
  { path: '$DIR', expanded: 'd' },
  { path: '/$DIR/${DIR}x/$DIR.txt', expanded: '/d/dx/d.txt' },
  { path: '[$EMPTY]', expanded: '[]' },
  { path: '$_1', expanded: 'under' },
  { path: '$NESTED', expanded: '$DIR' },
  { path: '/a$1b$$c$?d$*e$@f$#g$!h$-i', expanded: '/abcdefghi' },
  { path: '/a$12', expanded: '/a2' },
  { path: '/a${}b', expanded: '/ab' },
  { path: '/a${1}b', expanded: '/ab' },
  { path: '/a$', expanded: '/a$' },
  { path: '/$ a/$./$/', expanded: '/$ a/$./$/' },
  { path: '~', expanded: '/home/u' },
  { path: '~/', expanded: '/home/u' },
  { path: '~/a', expanded: '/home/u/a' },
  { path: String.raw`~\a`, expanded: '/home/u/a' },
  { path: '~user/a', expanded: '~user/a' },
  { path: '/a/~', expanded: '/a/~' },
  { path: ' ~', expanded: ' ~' },
  { path: '$TILDE', expanded: '/home/u/x' },
])('contract §6: $path expands to $expanded', ({ path, expanded }) => {
  expect(expandPath(path, ENVIRONMENT)).toBe(expanded);
});

test.each([
  { path: '$B/${A}/$B', names: 'A,B' },
  { path: '/x/$MISSING', names: 'MISSING' },
  { path: '$constructor/${toString}', names: 'constructor,toString' },
])('contract §6: $path names the undefined variables $names', ({ path, names }) => {
  const message = `path references undefined environment variables: ${names}`;
  expect(() => expandPath(path, ENVIRONMENT)).toThrow(new UndefinedVariablesError(names.split(',')));
  expect(() => expandPath(path, ENVIRONMENT)).toThrow(message);
});

test.each([{}, { HOME: '' }])('contract §6: ~ needs HOME, here %o', (environment) => {
  expect(() => expandPath('~/a', environment)).toThrow(
    'path references undefined environment variables: HOME',
  );
  expect(expandPath('/a', environment)).toBe('/a');
});
