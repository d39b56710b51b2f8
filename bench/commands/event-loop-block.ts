import type { DaemonSize } from '../ballast.ts';
import { resultsOfLaunchers } from '../launcher-results.ts';
import { repeatLaunchers } from '../rounds.ts';
import type { Result, RunSettings, Scenario } from '../scenario.ts';
import { shellEnvironment } from '../shell-environment.ts';
import { findProgram, inProcessLaunches } from './in-process-launches.ts';

/** How long everything else in a daemon waits while it starts a command; `launch-program.ts` tells how. */
export function eventLoopBlock(size: DaemonSize): Scenario {
  const name = `event loop blocked by a start${size.label}`;
  return { name, run: (settings) => measure(name, size, settings) };
}

async function measure(
  name: string,
  { ballastMb }: DaemonSize,
  settings: RunSettings,
): Promise<readonly Result[]> {
  const { isQuick, signal } = settings;
  await using environment = await shellEnvironment('sh');
  const shell = await findProgram('sh', environment.variables);
  const request = {
    argv: [shell, '-c', 'true'],
    rounds: isQuick ? 100 : 400,
    environment: environment.variables,
    ballastMb,
    signal,
  };
  const launches = await inProcessLaunches();
  const measured = await repeatLaunchers(settings, (launcher) => launches.block(launcher, request));
  return resultsOfLaunchers(measured, (rounds): readonly Result[] => [
    {
      scenario: `${name}: p50`,
      unit: 'µs',
      measured: rounds.map((round) => round.p50Us),
      target: { of: 'measured', bound: 'at most', limit: 100 },
    },
    {
      scenario: `${name}: p99`,
      unit: 'µs',
      measured: rounds.map((round) => round.p99Us),
    },
  ]);
}
