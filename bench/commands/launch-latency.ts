import type { DaemonSize } from '../ballast.ts';
import { resultsOfLaunchers, shimAgainstChildProcess } from '../launcher-results.ts';
import type { Launcher } from '../launcher.ts';
import { measureSpawn } from '../native-programs.ts';
import { alternateLaunchers } from '../rounds.ts';
import type { Result, RunSettings, Scenario } from '../scenario.ts';
import { shellEnvironment } from '../shell-environment.ts';
import type { Shell } from '../shell-environment.ts';
import { findProgram, inProcessLaunches } from './in-process-launches.ts';

/** The most that a shell may take through the shim, as a multiple of what it takes in C. */
const RATIO_LIMITS = { sh: 1.4, bash: 1.3 };

/** One `true` after the other from a Node program of a given size, against the same shell from C. */
export function launchLatency(shell: Shell, size: DaemonSize): Scenario {
  const name = `true without HTTP, ${shell}${size.label}`;
  return { name, run: (settings) => measureShell(name, shell, size, settings) };
}

/** Thousands of `true` one after the other, without a shell. */
export const launchRate: Scenario = { name: 'programs per second without HTTP', run: measureRate };

async function measureShell(
  name: string,
  shell: Shell,
  { ballastMb }: DaemonSize,
  settings: RunSettings,
): Promise<readonly Result[]> {
  const { isQuick, signal } = settings;
  await using environment = await shellEnvironment(shell);
  const program = await findProgram(shell, environment.variables);
  const request = {
    argv: [program, '-c', 'true'],
    rounds: isQuick ? 100 : 400,
    environment: environment.variables,
    ballastMb,
    signal,
  };
  const launches = await inProcessLaunches();
  const { baseline, measured } = await alternateLaunchers(
    settings,
    () => measureSpawn(request),
    (launcher) => launches.latency(launcher, request),
  );
  return resultsOfLaunchers(measured, (rounds): readonly Result[] => [
    {
      scenario: `${name}: p50`,
      unit: 'µs',
      measured: rounds.map((round) => round.p50Us),
      baseline: baseline.map((round) => round.p50Us),
      target: { of: 'ratio', bound: 'at most', limit: RATIO_LIMITS[shell] },
    },
    {
      scenario: `${name}: p99`,
      unit: 'µs',
      measured: rounds.map((round) => round.p99Us),
      baseline: baseline.map((round) => round.p99Us),
    },
  ]);
}

async function measureRate(settings: RunSettings): Promise<readonly Result[]> {
  const { isQuick, signal } = settings;
  const rounds = isQuick ? 500 : 5_000;
  await using environment = await shellEnvironment('bash');
  const program = await findProgram('true', environment.variables);
  const request = { argv: [program], rounds, environment: environment.variables, signal };
  const launches = await inProcessLaunches();
  const { baseline, measured } = await alternateLaunchers(
    settings,
    async () => (await measureSpawn(request)).perSecond,
    async (launcher: Launcher) => (await launches.latency(launcher, request)).perSecond,
  );
  const name = `${rounds.toLocaleString('en-US')} x true without HTTP and shell`;
  return [
    ...resultsOfLaunchers(measured, (values): readonly Result[] => [
      { scenario: name, unit: 'commands/s', measured: values, baseline },
    ]),
    ...shimAgainstChildProcess(measured, {
      scenario: `${name}: shim against child_process`,
      unit: 'commands/s',
      target: { of: 'ratio', bound: 'at least', limit: 2 },
    }),
  ];
}
