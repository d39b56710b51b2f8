import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { EventOrder } from '../../src/watch/event-order.ts';
import type { Departure } from '../../src/watch/event-order.ts';
import type { WatchEvent } from '../../src/watch/schema.ts';

/** Longer than a departure is held. */
const LONG_MS = 50;

function departure(path: string, mark: number): Departure {
  return { path, mark, node: undefined };
}

function created(path: string): WatchEvent {
  return { type: 'create', path, kind: 'file', timestamp: 0 };
}

/** The paths of everything that need not wait. */
function paths(order: EventOrder): string[] {
  const taken: string[] = [];
  for (let item = order.next(); item; item = order.next()) taken.push(item.path);
  return taken;
}

test('what is behind a departure waits with it, for a moment', async () => {
  const order = new EventOrder();
  order.push(created('/first'));
  order.depart(departure('/gone', 4), true);
  order.push(created('/second'));
  expect(paths(order)).toEqual(['/first']);
  expect(order.length).toBe(2);
  expect(order.due).toBeGreaterThan(performance.now());
  await delay(LONG_MS);
  expect(paths(order)).toEqual(['/gone', '/second']);
  expect(order.due).toBeUndefined();
});

test('a departure that turned up is taken back, and what waited for it goes on', () => {
  const order = new EventOrder();
  order.depart(departure('/from', 4), true);
  order.push(created('/other'));
  expect(order.takeByMark(4)?.path).toBe('/from');
  expect(order.takeByMark(4)).toBeUndefined();
  expect(order.takeByPath('/from', () => true)).toBeUndefined();
  expect(paths(order)).toEqual(['/other']);
});

test.each([
  ['all are closed', (order: EventOrder) => order.closeAll()],
  ['its path is taken', (order: EventOrder) => order.closeAt('/gone')],
])('a departure does not turn up any more when %s', (_when, close) => {
  const order = new EventOrder();
  order.depart(departure('/gone', 4), true);
  close(order);
  expect(order.takeByMark(4)).toBeUndefined();
  expect(paths(order)).toEqual(['/gone']);
});

test('of two departures of one file the later one turns up', () => {
  const order = new EventOrder();
  order.depart(departure('/one', 4), true);
  order.depart(departure('/two', 4), true);
  expect(order.takeByMark(4)?.path).toBe('/two');
  order.closeAll();
  expect(paths(order)).toEqual(['/one']);
});

test('a departure that cannot turn up holds nothing up', () => {
  const order = new EventOrder();
  order.depart(departure('/gone', 4), false);
  expect(order.takeByMark(4)).toBeUndefined();
  expect(paths(order)).toEqual(['/gone']);
});

test('any number of items passes in order', () => {
  const order = new EventOrder();
  const names = Array.from({ length: 5_000 }, (_name, index) => `/${index}`);
  const taken: string[] = [];
  for (const name of names) {
    order.push(created(name));
    order.push(created(`${name}b`));
    taken.push(order.next()?.path ?? '');
  }
  expect([...taken, ...paths(order)]).toEqual(names.flatMap((name) => [name, `${name}b`]));
});
