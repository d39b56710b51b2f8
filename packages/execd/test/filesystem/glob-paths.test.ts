import { expect, test } from 'vitest';
import { compileGlob, matchesAny } from '../../src/filesystem/glob.ts';

const raw = String.raw;

test.each([
  { pattern: 'x.ts', yes: ['x.ts'], no: ['src/x.ts'] },
  { pattern: 'src/x.ts', yes: ['src/x.ts'], no: ['x.ts', 'a/src/x.ts', 'src/x.ts/y'] },
  { pattern: '*', yes: ['a', '.a'], no: ['a/b', 'a/'] },
  { pattern: '*.ts', yes: ['a.ts', '.ts'], no: ['src/a.ts', 'a.ts/b'] },
  { pattern: 'src/*.ts', yes: ['src/a.ts', 'src/.ts'], no: ['src/a/b.ts', 'a.ts', 'src.ts', 'lib/src/a.ts'] },
  { pattern: 'src/*', yes: ['src/a', 'src/.a'], no: ['src', 'src/a/b'] },
  { pattern: '*/x', yes: ['a/x'], no: ['x', 'a/b/x'] },
  { pattern: '*/*', yes: ['a/b'], no: ['a', 'a/b/c'] },
  { pattern: 'a?b', yes: ['axb'], no: ['a/b'] },
  { pattern: 'a[^x]b', yes: ['ayb'], no: ['a/b', 'axb'] },
  { pattern: 'a[/]b', yes: [], no: ['a/b'] },
  { pattern: 'a[.-0]b', yes: ['a.b', 'a0b'], no: ['a/b'] },
  { pattern: raw`a\/b`, yes: ['a/b'], no: ['ab'] },
  { pattern: '**', yes: ['a', 'a/b', '.a/.b/c', ''], no: [] },
  { pattern: '**/x.ts', yes: ['x.ts', 'a/x.ts', 'a/b/x.ts', '.a/x.ts'], no: ['ax.ts', 'a/bx.ts', 'x.ts/y'] },
  { pattern: '**/*.ts', yes: ['x.ts', 'a/x.ts', 'a/b/x.ts', 'a/.ts'], no: ['x.js', 'x.ts/y'] },
  { pattern: '**/*a/b', yes: ['a/b', 'xa/b', 'x/ya/b'], no: ['b', 'ax/b', 'a/x/b'] },
  { pattern: '**/src/*.ts', yes: ['src/x.ts', 'a/b/src/x.ts'], no: ['src/a/x.ts', 'asrc/x.ts'] },
  { pattern: '**/a/b', yes: ['a/b', 'x/a/b'], no: ['xa/b', 'a/x/b'] },
  { pattern: 'a/**', yes: ['a/b', 'a/b/c', 'a/.b'], no: ['a', 'ab', 'b/a/c'] },
  { pattern: 'a/**/b', yes: ['a/b', 'a/x/b', 'a/x/y/b'], no: ['a', 'b', 'ab', 'a/xb', 'a/b/c', 'x/a/b'] },
  { pattern: 'a/**/*.ts', yes: ['a/x.ts', 'a/b/c/x.ts'], no: ['x.ts', 'b/a/x.ts'] },
  { pattern: 'a/**/b/**/c', yes: ['a/b/c', 'a/x/b/y/z/c', 'a/b/b/c'], no: ['a/c', 'a/bc', 'a/b/xc'] },
  { pattern: '**/a/**', yes: ['a/b', 'x/a/b', 'x/y/a/b/c'], no: ['a', 'x/a', 'xa/b'] },
  {
    pattern: '**/node_modules/**',
    yes: ['node_modules/x', 'a/node_modules/x/y'],
    no: ['node_modules', 'a/b'],
  },
  { pattern: '**/**', yes: ['a', 'a/b'], no: [] },
  { pattern: '**/**/x', yes: ['x', 'a/x', 'a/b/c/x'], no: ['y', 'ax'] },
  { pattern: 'a/**/**/b', yes: ['a/b', 'a/x/b', 'a/x/y/b'], no: ['ab'] },
  { pattern: 'a/***/b', yes: ['a/b', 'a/x/y/b'], no: ['a/xb'] },
  { pattern: '**.ts', yes: ['a.ts'], no: ['a/b.ts'] },
  { pattern: 'a**b', yes: ['ab', 'axb'], no: ['a/b', 'ax/b'] },
  { pattern: 'a**/b', yes: ['a/b', 'ax/b'], no: ['a/x/b', 'b'] },
  { pattern: 'a/**b', yes: ['a/b', 'a/xb'], no: ['a/x/b'] },
  { pattern: 'a/b**', yes: ['a/b', 'a/bx'], no: ['a/b/c'] },
  { pattern: '**a/b', yes: ['a/b', 'xa/b'], no: ['x/a/b'] },
  { pattern: '{src,test}/**/*.{ts,js}', yes: ['src/a.ts', 'test/a/b.js'], no: ['lib/a.ts', 'src/a.md'] },
  { pattern: '{a/b,c}/x', yes: ['a/b/x', 'c/x'], no: ['a/x', 'b/x', 'a/b/c/x'] },
  { pattern: '{a,**}/b', yes: ['b', 'a/b', 'x/y/b'], no: ['ab'] },
  { pattern: 'a/{b,**}/c', yes: ['a/c', 'a/b/c', 'a/x/y/c'], no: ['c', 'ac'] },
  { pattern: 'a/{**/,}b', yes: ['a/b', 'a/x/b', 'a/x/y/b'], no: ['a/xb'] },
  { pattern: 'a{/**,}', yes: ['a', 'a/b', 'a/b/c'], no: ['ab', 'b'] },
  { pattern: 'x/{a,{b,**}}/c', yes: ['x/c', 'x/a/c', 'x/p/q/c'], no: ['xc'] },
  { pattern: '!(a)', yes: ['b', 'aa'], no: ['a', 'b/c'] },
  { pattern: '!(a)/x', yes: ['b/x', 'aa/x', '/x'], no: ['a/x', 'x', 'b/c/x'] },
  { pattern: '**/!(*.ts)', yes: ['a.js', 'x/a.js', 'x.ts/a'], no: ['a.ts', 'x/y/a.ts'] },
  { pattern: 'src/**/!(*.test).ts', yes: ['src/a.ts', 'src/b/a.ts'], no: ['src/a.test.ts', 'a.ts'] },
  { pattern: '!(node_modules)/**', yes: ['src/a', 'src/b/c'], no: ['node_modules/a', 'src'] },
  { pattern: 'a/!(b/c)', yes: ['a/b', 'a/c'], no: ['a/b/c'] },
  { pattern: './x', yes: ['x'], no: ['./x', 'a/x'] },
  { pattern: '/x', yes: ['x'], no: ['/x', 'a/x'] },
  { pattern: './/./x', yes: ['x'], no: ['a/x'] },
  { pattern: '/**/x', yes: ['x', 'a/x'], no: ['ax'] },
  { pattern: './*.ts', yes: ['a.ts'], no: ['src/a.ts'] },
  { pattern: '/', yes: [''], no: ['a'] },
  { pattern: '../x', yes: ['../x'], no: ['x'] },
  { pattern: '.x', yes: ['.x'], no: ['x'] },
  { pattern: raw`\./x`, yes: ['./x'], no: ['x'] },
  { pattern: 'x/', yes: ['x/'], no: ['x', 'x/y'] },
  { pattern: '?/?', yes: ['a/b', '😀/é'], no: ['ab/c', 'a/b/c'] },
  { pattern: '*/😀?/*', yes: ['a/😀😀/b', '😀/😀a/😀'], no: ['a/😀/b'] },
])('$pattern matches the paths $yes and not $no', ({ pattern, yes, no }) => {
  const { matchesPath } = compileGlob(pattern);
  expect(
    yes.filter((path) => !matchesPath(path)),
    'should match',
  ).toEqual([]);
  expect(
    no.filter((path) => matchesPath(path)),
    'should not match',
  ).toEqual([]);
});

test('a list of globs matches by base name or by path', () => {
  const globs = ['*.log', 'build/**', '/secret'].map(compileGlob);
  const paths = ['a.log', 'x/y/a.log', 'build/a', 'x/build/a', 'secret', 'x/secret', 'log'];
  const matched = paths.filter((path) => matchesAny(globs, path.slice(path.lastIndexOf('/') + 1), path));
  expect(matched).toEqual(['a.log', 'x/y/a.log', 'build/a', 'secret']);
  expect(matchesAny([], 'a', 'a')).toBe(false);
});
