import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { TreeWatches } from '../../src/watch/tree-watches.ts';
import type { RandomWriterOptions } from '../support/random-writer.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { settle, watchTree } from '../support/watching.ts';
import type { Watching } from '../support/watching.ts';
import { applyEvents, applyLoosely, treeBelow } from '../support/watched-tree.ts';

const WRITER = new URL('../support/random-writer.ts', import.meta.url);

/** Another thread makes, moves and removes files and directories while they are watched, until all is told. */
async function watchWriter(watching: Watching, options: RandomWriterOptions): Promise<void> {
  await once(new Worker(WRITER, { workerData: options }), 'exit');
  for (let round = 0; round < 3; round += 1) {
    await settle(watching);
    await delay(5);
  }
}

async function emptyPlaces() {
  const directory = await temporaryDirectory();
  const root = join(directory.path, 'root');
  const outside = join(directory.path, 'outside');
  mkdirSync(root);
  mkdirSync(outside);
  return { root, outside, [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose]() };
}

test.each([1, 2, 3, 4, 5, 6, 7, 8])(
  'the events, applied in order, fit what was there and give what is there (seed %i)',
  async (seed) => {
    await using places = await emptyPlaces();
    await using trees = new TreeWatches();
    await using watching = await watchTree(trees, places.root, { ignore: [''] });
    await watchWriter(watching, { ...places, seed, actions: 3_000 });
    const model = new Map<string, string>();
    applyEvents(model, places.root, watching.events);
    expect(model).toEqual(treeBelow(places.root));
    await using second = await watchTree(trees, places.root, { ignore: [''] });
    expect(second.ready.entries).toBe(model.size);
  },
);

test.each([1, 2, 3, 4])('those of a compact tree give what is there too (seed %i)', async (seed) => {
  await using places = await emptyPlaces();
  await using trees = new TreeWatches({ entries: 2 });
  for (const name of ['x', 'y', 'z']) writeFileSync(join(places.root, name), '');
  const model = treeBelow(places.root);
  await using watching = await watchTree(trees, places.root, { ignore: [''] });
  expect(watching.ready.compact).toBe(true);
  await watchWriter(watching, { ...places, seed, actions: 3_000 });
  applyLoosely(model, watching.events);
  expect(model).toEqual(treeBelow(places.root));
});
