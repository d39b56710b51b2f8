import { linkSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { TreeWatches } from '../../src/watch/tree-watches.ts';
import { seededRandom } from '../support/random.ts';
import type { Random } from '../support/random.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { watchTree } from '../support/watching.ts';
import type { Watching } from '../support/watching.ts';
import { applyEvents, treeBelow } from '../support/watched-tree.ts';

/** Something happens to a random name of a small tree; most of what it tries fails. */
function act(random: Random, root: string, outside: string): void {
  const name = () => random.pick(['a', 'b', 'c', 'd']);
  const path = () => {
    const place = random.below(20) === 0 ? outside : root;
    return join(place, ...Array.from({ length: 1 + random.below(3) }, name));
  };
  const actions = [
    () => writeFileSync(path(), 'x'),
    () => writeFileSync(path(), ''),
    () => mkdirSync(path()),
    () => mkdirSync(path(), { recursive: true }),
    () => renameSync(path(), path()),
    () => renameSync(path(), path()),
    () => renameSync(path(), path()),
    () => rmSync(path()),
    () => rmSync(path(), { recursive: random.below(4) === 0 }),
    () => symlinkSync('a', path()),
    () => linkSync(path(), path()),
  ] as const;
  try {
    random.pick(actions)();
  } catch {
    // Missing, or in the way.
  }
}

/** Waits until everything that happened so far was told. */
async function settled(watching: Watching, root: string): Promise<void> {
  for (let round = 0; round < 3; round += 1) {
    const name = `settled-${watching.events.length}-${round}`;
    writeFileSync(join(root, name), '');
    await watching.seen(`create ${name}`);
    await delay(5);
  }
}

test.each([1, 2, 3, 4, 5, 6])(
  'the events, applied in order, give the tree as it is (seed %i)',
  async (seed) => {
    await using directory = await temporaryDirectory();
    await using trees = new TreeWatches();
    const random = seededRandom(seed);
    const root = join(directory.path, 'root');
    const outside = join(directory.path, 'outside');
    mkdirSync(root);
    mkdirSync(outside);
    for (let count = 0; count < 50; count += 1) act(random, root, outside);
    const model = treeBelow(root);
    await using watching = await watchTree(trees, root, { ignore: [''] });
    expect(watching.ready.entries).toBe(model.size);
    for (let burst = 0; burst < 150; burst += 1) {
      for (let count = random.below(30); count > 0; count -= 1) act(random, root, outside);
      if (random.below(3) === 0) await delay(random.below(8));
      else await nextTurn();
    }
    await settled(watching, root);
    applyEvents(model, root, watching.events);
    expect(model).toEqual(treeBelow(root));
  },
);
