import type { Launcher } from './launcher.ts';

/** How a benchmark run was asked for; `signal` ends it early. */
export interface RunSettings {
  readonly rounds: number;
  readonly isQuick: boolean;
  readonly signal: AbortSignal;
  /** The ways of starting processes that can be measured; empty for a group in which none are started. */
  readonly launchers: readonly Launcher[];
}

/** One experiment; it resolves to one or more results, or rejects if it could not measure. */
export interface Scenario {
  readonly name: string;
  run(settings: RunSettings): Promise<readonly Result[]>;
}

/** MB are 10^6 bytes. */
export type Unit =
  | 'µs'
  | 's'
  | 'MB'
  | 'MB/s'
  | 'M lines/s'
  | 'commands/s'
  | 'requests/s'
  | 'requests'
  | 'fds';

/** A printed wish, never an assertion: a limit for the ratio or for the measured value in its unit. */
export interface Target {
  readonly of: 'ratio' | 'measured';
  readonly bound: 'at most' | 'at least';
  readonly limit: number;
}

/**
 * A value per round and, where there is one, the baseline's value per round. The results of one scenario for several
 * launchers are one line of the table when they have the same baseline.
 */
export interface Result {
  readonly scenario: string;
  /** Undefined where it does not matter how processes are started. */
  readonly launcher?: Launcher | undefined;
  readonly unit: Unit;
  readonly measured: readonly number[];
  readonly baseline?: readonly number[] | undefined;
  readonly target?: Target | undefined;
}

/** A result reduced to medians; `ratio` is measured divided by baseline, null means "there is none". */
export interface Summary {
  readonly measured: number;
  readonly baseline: number | null;
  readonly ratio: number | null;
  readonly isMet: boolean | null;
}

/** Reduces a result to its medians and compares them with its target. */
export function summarize(result: Result): Summary {
  const measured = median(result.measured);
  const baseline = result.baseline === undefined ? null : median(result.baseline);
  const ratio = baseline === null || baseline === 0 ? null : measured / baseline;
  return { measured, baseline, ratio, isMet: isMet(result.target, measured, ratio) };
}

function isMet(target: Target | undefined, measured: number, ratio: number | null): boolean | null {
  if (target === undefined) return null;
  const value = target.of === 'ratio' ? ratio : measured;
  if (value === null) return null;
  return target.bound === 'at most' ? value <= target.limit : value >= target.limit;
}

/** The middle value, or the mean of the two middle ones; NaN for no values. */
function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  const lower = sorted[Math.ceil(sorted.length / 2) - 1] ?? Number.NaN;
  return (lower + upper) / 2;
}
