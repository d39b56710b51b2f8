import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { FilePaths } from '../../src/filesystem/file-paths.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

describe('without a root', () => {
  const paths = new FilePaths({ HOME: '/home/me', DIR: '/data' });

  test.each([
    ['/a/./b//c/../d', '/a/b/d'],
    ['~/x', '/home/me/x'],
    ['$DIR/${DIR}', '/data/data'],
    ['relative', join(process.cwd(), 'relative')],
    ['', process.cwd()],
    ['/', '/'],
  ])('contract §6: %j is %j', (given, expected) => {
    expect(paths.clean(given, 'link')).toBe(expected);
  });

  test('contract §6: an undefined variable is a runtime error that names it', () => {
    expect(() => paths.clean('/$B/$A', 'link')).toThrow(
      expect.objectContaining({
        kind: 'internal',
        code: 'RUNTIME_ERROR',
        message: 'path references undefined environment variables: A,B',
      }),
    );
  });

  test('NUL is refused', () => {
    expect(() => paths.clean('/a\0b', 'link')).toThrow(expect.objectContaining({ kind: 'invalid-argument' }));
  });

  test('contract §6: literal paths take `..` as the system does, behind a link', async () => {
    await using directory = await temporaryDirectory();
    mkdirSync(join(directory.path, 'real/inner'), { recursive: true });
    symlinkSync('real/inner', join(directory.path, 'link'));
    const given = `${directory.path}/link/../file`;
    expect(paths.literal(given, 'target')).toBe(join(directory.path, 'real/file'));
    expect(paths.clean(given, 'target')).toBe(join(directory.path, 'file'));
  });
});

describe('with a root', () => {
  async function rooted() {
    const directory = await temporaryDirectory();
    const root = join(directory.path, 'root');
    mkdirSync(join(root, 'sub'), { recursive: true });
    writeFileSync(join(directory.path, 'secret'), '');
    symlinkSync('../secret', join(root, 'to-secret'));
    symlinkSync('..', join(root, 'to-parent'));
    symlinkSync('sub', join(root, 'to-sub'));
    symlinkSync('../made', join(root, 'to-nothing-outside'));
    symlinkSync('sub/made', join(root, 'to-nothing-inside'));
    symlinkSync('a-loop', join(root, 'a-loop'));
    return {
      root,
      paths: new FilePaths({}, root),
      [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
    };
  }

  const outside = expect.objectContaining({ kind: 'permission-denied', code: 'OUTSIDE_FILES_ROOT' });

  test.each<[string, 'link' | 'target']>([
    ['/etc/passwd', 'target'],
    ['..', 'target'],
    ['../secret', 'link'],
    ['to-secret', 'target'],
    ['to-parent/secret', 'link'],
    ['to-parent/new/deep/file', 'target'],
    ['to-nothing-outside', 'target'],
    ['to-nothing-outside/below', 'target'],
    ['/', 'link'],
    ['~root-sibling', 'target'],
  ])('%j as a %s', async (given, use) => {
    await using place = await rooted();
    const path = given === '~root-sibling' ? `${place.root}-sibling` : given;
    expect(() => place.paths.clean(path, use)).toThrow(outside);
  });

  test.each<[string, 'link' | 'target', string]>([
    ['sub/file', 'target', 'sub/file'],
    ['to-secret', 'link', 'to-secret'],
    ['to-sub/file', 'target', 'sub/file'],
    ['to-nothing-inside', 'target', 'sub/made'],
    ['not/yet/there', 'target', 'not/yet/there'],
    ['', 'target', ''],
    ['to-parent/root/sub', 'target', 'sub'],
  ])('%j as a %s is inside', async (given, use, expected) => {
    await using place = await rooted();
    expect(place.paths.literal(given, use)).toBe(join(place.root, expected));
    expect(place.paths.literal(join(place.root, given), use)).toBe(join(place.root, expected));
  });

  test('a loop of links is a bad request', async () => {
    await using place = await rooted();
    expect(() => place.paths.clean('a-loop/x', 'target')).toThrow(
      expect.objectContaining({ kind: 'invalid-argument' }),
    );
  });

  test('a root that does not exist is an error at the start', () => {
    expect(() => new FilePaths({}, '/no/such/root')).toThrow('ENOENT');
  });
});
