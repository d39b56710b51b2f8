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

/** Runs the measurement once per round, one after the other. */
export async function repeat<Measured>(
  rounds: number,
  measure: () => Promise<Measured>,
): Promise<readonly Measured[]> {
  const measured: Measured[] = [];
  for (let round = 0; round < rounds; round += 1) measured.push(await measure());
  return measured;
}
