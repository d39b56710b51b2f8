import { readFile, readdir, writeFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { startExecd } from '../support/execd.ts';
import { EMPTY_SUCCESS, answerOf, infoOf, pathsBelow, upload, withPaths } from '../support/file-calls.ts';
import { pair } from '../support/multipart.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const names = [
  ['a line feed', 'a\nb'],
  ['a carriage return', 'a\rb'],
  ['quotes', `"double" 'single' \`back\``],
  ['a backslash', 'a\\nb\\'],
  ['only spaces', '   '],
  ['dashes in front', '--rf'],
  ['control characters', '\u0001\u001b[31m\u007f'],
  ['glob characters', '[*]{?}!(x)'],
  ['percent signs', '%41%2e%2e%2f'],
  ['query characters', '?a=b&path=etc#c+d;e'],
  ['a pair of Latin letters', 'é\u0065\u0301'],
  ['CJK', '测试'],
  ['emoji', '👩‍👧😀'],
  ['right to left', 'שלום'],
  ['the keys of a JavaScript object', '__proto__'],
  ['255 bytes', 'n'.repeat(255)],
  ['255 bytes that are no ASCII', `${'é'.repeat(127)}n`],
  ['a temporary name', '.file.tmp'],
];

test.each(names)('a name with %s works in every call', async (_name, name) => {
  await using directory = await temporaryDirectory();
  const d = directory.path;
  const path = `${d}/${name}`;
  await using execd = await startExecd();
  const succeeds = async (response: Promise<Response>) =>
    expect(await answerOf(await response)).toEqual(EMPTY_SUCCESS);

  await succeeds(upload(execd, pair({ path, mode: 644 }, 'first')));
  await succeeds(upload(execd, pair({ path }, 'content')));
  expect(await readdir(d)).toEqual([name]);
  expect(await infoOf(execd, path)).toMatchObject({ path, size: 7, mode: 644 });
  await succeeds(execd.request('POST', '/files/permissions', { [path]: { mode: 600 } }));
  await succeeds(execd.request('POST', '/files/replace', { [path]: { old: 'c', new: 'C' } }));

  const downloaded = await execd.request('GET', withPaths('/files/download', path));
  expect(downloaded.headers.get('content-disposition')).toMatch(/^attachment; filename="[\x20-\x7e]*/);
  expect(await answerOf(downloaded)).toEqual([200, 'Content']);
  const found = await execd.request('GET', withPaths('/files/search', d, { pattern: '*' }));
  expect(await pathsBelow(d, found)).toEqual([name]);
  expect(await pathsBelow(d, await execd.request('GET', withPaths('/directories/list', d)))).toEqual([name]);

  await succeeds(execd.request('POST', '/directories', { [`${d}/sub`]: {} }));
  await succeeds(execd.request('POST', '/files/mv', [{ src: path, dest: `${d}/sub/${name}` }]));
  expect(await readFile(`${d}/sub/${name}`, 'utf8')).toBe('Content');
  await succeeds(execd.request('DELETE', withPaths('/files', `${d}/sub/${name}`)));
  await succeeds(execd.request('POST', '/directories', { [`${path}/inner`]: { mode: 700 } }));
  await succeeds(execd.request('DELETE', withPaths('/directories', path)));
  expect(await readdir(d)).toEqual(['sub']);
});

test('a name that is no UTF-8 is listed and found, can be deleted with its directory, and stops nobody', async () => {
  await using directory = await temporaryDirectory();
  const d = directory.path;
  await writeFile(Buffer.concat([Buffer.from(`${d}/`), Buffer.from([0x62, 0xff, 0xfe])]), '');
  await writeFile(`${d}/a`, '');
  await writeFile(`${d}/c`, '');
  await using execd = await startExecd();
  const listed = await pathsBelow(d, await execd.request('GET', withPaths('/directories/list', d)));
  expect(listed).toEqual(['a', 'b\ufffd\ufffd', 'c']);
  const found = await execd.request('GET', withPaths('/files/search', d, { pattern: '*' }));
  expect(await pathsBelow(d, found)).toEqual(['a', 'b\ufffd\ufffd', 'c']);
  const removed = await execd.request('DELETE', withPaths('/directories', d));
  expect(await answerOf(removed)).toEqual(EMPTY_SUCCESS);
});
