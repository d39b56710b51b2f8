import { linkSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isMainThread, workerData } from 'node:worker_threads';
import { seededRandom } from './random.ts';
import type { Random } from './random.ts';

/** What a random writer is started with. */
export interface RandomWriterOptions {
  readonly seed: number;
  readonly root: string;
  /** Where things come from and go to now and then. */
  readonly outside: string;
  readonly actions: number;
}

/** Does something to a random name of a small tree; most of what it tries fails. */
function act(random: Random, { root, outside }: RandomWriterOptions): void {
  const name = () => random.pick(['a', 'b', 'c', 'd']);
  const path = () =>
    join(random.below(20) === 0 ? outside : root, ...Array.from({ length: 1 + random.below(3) }, name));
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

/** Writes without a turn of anybody's event loop in between, with short rests. */
function write(options: RandomWriterOptions): void {
  const random = seededRandom(options.seed);
  const clock = new Int32Array(new SharedArrayBuffer(4));
  for (let count = 0; count < options.actions; count += 1) {
    act(random, options);
    if (random.below(40) === 0) Atomics.wait(clock, 0, 0, random.below(5));
  }
}

if (!isMainThread) write(workerData as RandomWriterOptions);
