import { chmod, link, lutimes } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { extractionPlace, tarOf } from '../support/archive.ts';
import { readTree, writeTree } from '../support/file-tree.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

describe('archives of other programs', () => {
  const long = 'a long name, '.repeat(19).slice(0, 240);

  async function sourceTree() {
    const source = await temporaryDirectory();
    await writeTree(source.path, {
      'a/b/c/file': 'content',
      'empty file': '',
      'empty directory': null,
      'ünï/cödé 日本': 'x',
      [`${long}/${long}/${long}`]: 'long',
      ['n'.repeat(255)]: 'longest',
      ['é'.repeat(127)]: 'longest in letters',
      'line\nend': 'x',
      link: { link: 'a/b' },
      'a/dangling': { link: '../missing' },
      large: Buffer.alloc(50_001, 'large'),
    });
    await link(join(source.path, 'a/b/c/file'), join(source.path, 'a/second name'));
    await chmod(join(source.path, 'a/b/c/file'), 0o741);
    await chmod(join(source.path, 'a/b'), 0o511);
    for (const name of Object.keys(await readTree(source.path))) {
      await lutimes(join(source.path, name), 1_000, name.length + 0.5);
    }
    return source;
  }

  test.each([
    [['tar', '--format=ustar', '--exclude=a long*', '--exclude=n*', '--exclude=é*']],
    [['tar', '--format=gnu']],
    [['tar', '--format=oldgnu']],
    [['tar', '--format=posix']],
    [['tar', '--format=v7', '--exclude=a long*', '--exclude=n*', '--exclude=é*']],
    [['tar', '--format=gnu', '-z']],
    [['busybox', 'tar']],
    [['busybox', 'tar', '-z']],
  ] as [[string, ...string[]]][])('%j', async (program) => {
    await using source = await sourceTree();
    await using place = await extractionPlace();
    await place.extract(await tarOf(program, source.path));
    const exact = program.includes('--format=posix');
    const tree = (path: string) =>
      readTree(path).then((entries) => (exact ? entries : withoutTimes(entries)));
    const expected = await tree(source.path);
    for (const name of Object.keys(expected)) {
      const isExcluded =
        program.some((option) => option.startsWith('--exclude')) && /^(?:a long|n|é)/.test(name);
      if (isExcluded) delete expected[name];
    }
    expect(await tree(place.target)).toEqual(expected);
  });
});

/** readTree has nanoseconds; most archives have seconds. */
function withoutTimes(tree: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(tree).map(([name, text]) => [name, text.replace(/^(file \S+ \S+) \d+/, '$1')]),
  );
}
