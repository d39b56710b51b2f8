import { readdir } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { startExecd } from '../support/execd.ts';
import { EMPTY_SUCCESS, answerOf, entriesOf, pathsBelow, withPaths } from '../support/file-calls.ts';
import { deepTree } from '../support/deep-tree.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const LEVELS = 5_000;
/** The deepest level whose path the system takes is some 2,000 below a temporary directory. */
const REACHABLE = 1_500;
/** Making and removing them takes seconds on a busy disk. */
const TIMEOUT_MS = 60_000;

test(
  'a tree deeper than a path can be long is listed as far as it goes, and the rest is counted',
  async () => {
    await using directory = await temporaryDirectory();
    await using _tree = await deepTree(directory.path, LEVELS);
    await using execd = await startExecd();
    const query = { depth: LEVELS * 2 };
    const response = await execd.request('GET', withPaths('/directories/list', directory.path, query));
    const skipped = Number(response.headers.get('execd-files-skipped'));
    const entries = await entriesOf(response);
    const directories = entries.filter(({ type }) => type === 'directory');
    expect(directories.length).toBeGreaterThan(REACHABLE);
    expect(
      directories.every(({ path }, level) => path === `${directory.path}${'/d'.repeat(level + 1)}`),
    ).toBe(true);
    expect(skipped > 0 || entries.length === LEVELS + 1).toBe(true);
    expect((await execd.request('GET', '/ping')).status).toBe(200);
  },
  TIMEOUT_MS,
);

test(
  'a tree deeper than a path can be long is searched as far as it goes, and the rest is counted',
  async () => {
    await using directory = await temporaryDirectory();
    await using _tree = await deepTree(directory.path, LEVELS);
    await using execd = await startExecd();
    const response = await execd.request(
      'GET',
      withPaths('/files/search', directory.path, { pattern: 'bottom' }),
    );
    const skipped = Number(response.headers.get('execd-files-skipped'));
    const found = await pathsBelow(directory.path, response);
    expect(skipped > 0 || found.length === 1).toBe(true);
  },
  TIMEOUT_MS,
);

test(
  'a tree within reach is listed and searched whole',
  async () => {
    await using directory = await temporaryDirectory();
    await using _tree = await deepTree(directory.path, REACHABLE);
    await using execd = await startExecd();
    const query = { depth: REACHABLE + 1 };
    const listed = await execd.request('GET', withPaths('/directories/list', directory.path, query));
    expect(listed.headers.get('execd-files-skipped')).toBe('0');
    expect(await entriesOf(listed)).toHaveLength(REACHABLE + 1);
    const found = await execd.request(
      'GET',
      withPaths('/files/search', directory.path, { pattern: 'bottom' }),
    );
    expect(await pathsBelow(directory.path, found)).toEqual([`${'d/'.repeat(REACHABLE)}bottom`]);
  },
  TIMEOUT_MS,
);

test(
  'a tree deeper than a path can be long is removed whole',
  async () => {
    await using directory = await temporaryDirectory();
    await using _tree = await deepTree(directory.path, LEVELS);
    await using execd = await startExecd();
    const response = await execd.request('DELETE', withPaths('/directories', `${directory.path}/d`));
    expect(await answerOf(response)).toEqual(EMPTY_SUCCESS);
    expect(await readdir(directory.path)).toEqual([]);
  },
  TIMEOUT_MS,
);
