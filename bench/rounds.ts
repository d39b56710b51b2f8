import type { ByLauncher } from './launcher-results.ts';
import type { Launcher } from './launcher.ts';
import type { RunSettings } from './scenario.ts';

/** What the baseline and the measurement of one round yielded, in order of the rounds. */
export interface Alternation<Baseline, Measured> {
  readonly baseline: readonly Baseline[];
  readonly measured: readonly Measured[];
}

/** Runs baseline and measurement in turns (A B A B …), so that a slow phase of the machine meets both. */
export async function alternate<Baseline, Measured>(
  rounds: number,
  runBaseline: () => Promise<Baseline>,
  measure: () => Promise<Measured>,
): Promise<Alternation<Baseline, Measured>> {
  const baseline: Baseline[] = [];
  const measured: Measured[] = [];
  for (let round = 0; round < rounds; round += 1) {
    baseline.push(await runBaseline());
    measured.push(await measure());
  }
  return { baseline, measured };
}

/** What the baseline and the measurement of each launcher yielded, in order of the rounds. */
export interface LauncherRounds<Baseline, Measured> {
  readonly baseline: readonly Baseline[];
  readonly measured: ByLauncher<Measured>;
}

/** Like `alternate`, with one measurement for each launcher in every round (A B C A B C …). */
export async function alternateLaunchers<Baseline, Measured>(
  { rounds, launchers }: Pick<RunSettings, 'rounds' | 'launchers'>,
  runBaseline: () => Promise<Baseline>,
  measure: (launcher: Launcher) => Promise<Measured>,
): Promise<LauncherRounds<Baseline, Measured>> {
  const baseline: Baseline[] = [];
  const measured = new Map(launchers.map((launcher): [Launcher, Measured[]] => [launcher, []]));
  for (let round = 0; round < rounds; round += 1) {
    baseline.push(await runBaseline());
    for (const [launcher, values] of measured) values.push(await measure(launcher));
  }
  return { baseline, measured };
}

/** Runs each launcher's measurement once per round, the launchers in turns. */
export async function repeatLaunchers<Measured>(
  settings: Pick<RunSettings, 'rounds' | 'launchers'>,
  measure: (launcher: Launcher) => Promise<Measured>,
): Promise<ByLauncher<Measured>> {
  const { measured } = await alternateLaunchers(settings, async () => undefined, measure);
  return measured;
}

/** Runs the measurement once per round, one after the other. */
export async function repeat<Measured>(
  rounds: number,
  measure: () => Promise<Measured>,
): Promise<readonly Measured[]> {
  const measured: Measured[] = [];
  for (let round = 0; round < rounds; round += 1) measured.push(await measure());
  return measured;
}
