import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { SearchTurns } from '../../src/search/search-turns.ts';
import type { SearchTurn } from '../../src/search/search-turns.ts';

const STAYS = new AbortController().signal;

/** Takes turns, and notes in which order they are given. */
function takeAll(turns: SearchTurns, names: readonly string[]) {
  const given: string[] = [];
  const taken = names.map(async (name) => {
    const turn = await turns.take(STAYS);
    given.push(name);
    return turn;
  });
  return { given, taken };
}

test('as many work as may, the others in the order in which they came', async () => {
  const { given, taken } = takeAll(new SearchTurns({ working: 2, waiting: 2 }), ['a', 'b', 'c', 'd']);
  await nextTurn();
  expect(given).toEqual(['a', 'b']);
  (await taken[1])?.[Symbol.dispose]();
  await nextTurn();
  expect(given).toEqual(['a', 'b', 'c']);
  (await taken[0])?.[Symbol.dispose]();
  await nextTurn();
  expect(given).toEqual(['a', 'b', 'c', 'd']);
});

test('who comes when too many wait is refused, until somebody is done', async () => {
  const turns = new SearchTurns({ working: 1, waiting: 1 });
  const { taken } = takeAll(turns, ['a', 'b']);
  await expect(turns.take(STAYS)).rejects.toMatchObject({
    kind: 'unavailable',
    code: 'SERVICE_UNAVAILABLE',
  });
  (await taken[0])?.[Symbol.dispose]();
  (await taken[1])?.[Symbol.dispose]();
  using again = await turns.take(STAYS);
  expect(again).toBeDefined();
});

test('who pauses lets the next one work, and waits for its turn again', async () => {
  const turns = new SearchTurns({ working: 1, waiting: 2 });
  const { given, taken } = takeAll(turns, ['a', 'b']);
  const first = (await taken[0]) as SearchTurn;
  first.pause();
  await nextTurn();
  expect(given).toEqual(['a', 'b']);
  const resumed = first.resume(STAYS).then(() => given.push('a again'));
  await nextTurn();
  expect(given).toEqual(['a', 'b']);
  (await taken[1])?.[Symbol.dispose]();
  await resumed;
  expect(given).toEqual(['a', 'b', 'a again']);
  first[Symbol.dispose]();
});

test('who leaves while it waits is passed over', async () => {
  const turns = new SearchTurns({ working: 1, waiting: 2 });
  const first = await turns.take(STAYS);
  const leaver = new AbortController();
  const left = turns.take(leaver.signal);
  const { given, taken } = takeAll(turns, ['c']);
  leaver.abort(new Error('left'));
  await expect(left).rejects.toThrow('left');
  first[Symbol.dispose]();
  using _last = await taken[0];
  expect(given).toEqual(['c']);
});

test('who paused and leaves before its turn comes again takes nobody’s place', async () => {
  const turns = new SearchTurns({ working: 1, waiting: 1 });
  const first = await turns.take(STAYS);
  first.pause();
  using _second = await turns.take(STAYS);
  const leaver = new AbortController();
  const resumed = first.resume(leaver.signal);
  leaver.abort(new Error('left'));
  await expect(resumed).rejects.toThrow('left');
  first[Symbol.dispose]();
  const { given } = takeAll(turns, ['third']);
  await nextTurn();
  expect(given).toEqual([]);
});
