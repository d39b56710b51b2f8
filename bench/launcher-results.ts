import type { Launcher } from './launcher.ts';
import type { Result } from './scenario.ts';

/** What each launcher's rounds yielded, in order of the rounds. */
export type ByLauncher<Measured> = ReadonlyMap<Launcher, readonly Measured[]>;

/** The same results for each launcher. Targets are for the shim: child_process is there to compare with. */
export function resultsOfLaunchers<Measured>(
  measured: ByLauncher<Measured>,
  resultsOf: (rounds: readonly Measured[], launcher: Launcher) => readonly Result[],
): readonly Result[] {
  return [...measured].flatMap(([launcher, rounds]) =>
    resultsOf(rounds, launcher).map((result) => ({
      ...result,
      launcher,
      target: launcher === 'shim' ? result.target : undefined,
    })),
  );
}

/** The shim against child_process in the same rounds; none unless both were measured. */
export function shimAgainstChildProcess(
  measured: ByLauncher<number>,
  result: Pick<Result, 'scenario' | 'unit' | 'target'>,
): readonly Result[] {
  const shim = measured.get('shim');
  const childProcess = measured.get('child-process');
  if (shim === undefined || childProcess === undefined) return [];
  return [{ ...result, launcher: 'shim', measured: shim, baseline: childProcess }];
}
