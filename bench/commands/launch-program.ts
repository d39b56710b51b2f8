// A Node program that starts another one again and again without any server, and measures either how long each takes
// or how long its own event loop stands still for it. Prints one JSON line, in µs:
//
//   latency   p50_us, p99_us, per_second: from the call to the end of the process and of its output
//   block     block_p50_us, block_p99_us: a turn of the event loop in which one is started, less an empty turn
//
// A turn is measured between two setImmediate callbacks, behind which the loop is free again. So it has everything that
// starting costs at once: the call itself, the promise callbacks and ticks that it leaves, the write to the shim, or the
// fork and the wait for exec. It has not what comes later and is the same for every process, reading its output and its
// end: the next turn is measured when that is over. A sampling monitor would not see either, its step is 1 ms.
import { parseArgs } from 'node:util';
import { LAUNCHERS } from '../launcher.ts';
import type { Launcher } from '../launcher.ts';
import { ProcessStarter } from './process-starter.ts';

const USAGE = 'usage: launch-program MODE --launcher NAME --shim PATH --rounds N -- PROGRAM [ARGUMENT...]';
const WARM_UP_ROUNDS = 100;

main().catch((error: unknown) => {
  console.error(`launch-program: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
});

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      launcher: { type: 'string', default: '' },
      shim: { type: 'string', default: '' },
      rounds: { type: 'string', default: '300' },
    },
  });
  const [mode, ...argv] = positionals;
  const measure = mode === 'latency' ? measureLatency : mode === 'block' ? measureBlock : undefined;
  if (measure === undefined) throw new Error(USAGE);
  await using starter = await ProcessStarter.open(launcherNamed(values.launcher), argv, values.shim);
  await measure(starter, WARM_UP_ROUNDS); // not counted: code is compiled meanwhile
  console.log(JSON.stringify(await measure(starter, Number(values.rounds))));
}

async function measureLatency(starter: ProcessStarter, rounds: number): Promise<object> {
  const durations: number[] = [];
  const startedMs = performance.now();
  for (let round = 0; round < rounds; round += 1) {
    const roundStartedMs = performance.now();
    await starter.run();
    durations.push(microsecondsSince(roundStartedMs));
  }
  const totalUs = microsecondsSince(startedMs);
  return {
    p50_us: percentile(durations, 0.5),
    p99_us: percentile(durations, 0.99),
    per_second: (rounds / totalUs) * 1e6,
  };
}

async function measureBlock(starter: ProcessStarter, rounds: number): Promise<object> {
  const empty: number[] = [];
  const starting: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    await turnOfEventLoop();
    const emptyFromMs = performance.now();
    await turnOfEventLoop();
    empty.push(microsecondsSince(emptyFromMs));

    const startingFromMs = performance.now();
    const ended = starter.run();
    await turnOfEventLoop();
    starting.push(microsecondsSince(startingFromMs));
    await ended;
  }
  const emptyUs = percentile(empty, 0.5);
  return {
    block_p50_us: percentile(starting, 0.5) - emptyUs,
    block_p99_us: percentile(starting, 0.99) - emptyUs,
  };
}

function launcherNamed(name: string): Launcher {
  const launcher = LAUNCHERS.find((known) => known === name);
  if (launcher === undefined)
    throw new Error(`--launcher: expected one of ${LAUNCHERS.join(', ')}, got "${name}"`);
  return launcher;
}

function turnOfEventLoop(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

function microsecondsSince(startedMs: number): number {
  return (performance.now() - startedMs) * 1000;
}

/** Of unsorted values; `share` from 0 to 1. */
function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
