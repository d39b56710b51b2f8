import type { DaemonSize } from '../ballast.ts';
import { resultsOfLaunchers } from '../launcher-results.ts';
import { startServers } from '../launcher-servers.ts';
import type { Launcher } from '../launcher.ts';
import { measureBareSpawn, measureLatency, measureSpawn } from '../native-programs.ts';
import type { SpawnBaseline } from '../native-programs.ts';
import { alternateLaunchers } from '../rounds.ts';
import type { Result, RunSettings, Scenario } from '../scenario.ts';
import { shellEnvironment } from '../shell-environment.ts';
import type { Shell } from '../shell-environment.ts';

/** The most that `true` may take through the server, as a multiple of what it takes in C. */
const RATIO_LIMITS = { sh: 1.8, bash: 1.6 };
const P99_LIMIT_US = 6_000;

/**
 * One client, one `true` after the other, against spawning the same shell without a server. The spawner holds as much
 * ballast as the server does.
 */
export function commandLatency(shell: Shell, size: DaemonSize): Scenario {
  const name = `POST /command true, ${shell}${size.label}`;
  return { name, run: (settings) => measure(name, shell, size, settings) };
}

async function measure(
  name: string,
  shell: Shell,
  { ballastMb }: DaemonSize,
  settings: RunSettings,
): Promise<readonly Result[]> {
  const { isQuick, signal } = settings;
  const repetitions = isQuick ? 100 : 400;
  await using environment = await shellEnvironment(shell);
  await using servers = await startServers(settings, environment.variables, ballastMb);
  const runCommands = (launcher: Launcher) =>
    measureLatency({ port: servers.of(launcher).port, command: 'true', requests: repetitions, signal });
  for (const launcher of settings.launchers) await runCommands(launcher); // not counted: code is compiled meanwhile

  const spawn = {
    argv: [shell, '-c', 'true'],
    rounds: repetitions,
    environment: environment.variables,
    ballastMb,
    signal,
  };
  const bareSpawns: number[] = [];
  const { baseline, measured } = await alternateLaunchers(
    settings,
    async () => {
      if (ballastMb === 0) bareSpawns.push(await measureBareSpawn(spawn));
      return await measureSpawn(spawn);
    },
    runCommands,
  );
  return [
    ...resultsOfLaunchers(measured, (rounds): readonly Result[] => [
      {
        scenario: `${name}: end of stream, p50`,
        unit: 'µs',
        measured: rounds.map((round) => round.endP50Us),
        baseline: baseline.map((round) => round.p50Us),
        target: { of: 'ratio', bound: 'at most', limit: RATIO_LIMITS[shell] },
      },
      {
        scenario: `${name}: end of stream, p99`,
        unit: 'µs',
        measured: rounds.map((round) => round.endP99Us),
        baseline: baseline.map((round) => round.p99Us),
        target: { of: 'measured', bound: 'at most', limit: P99_LIMIT_US },
      },
      {
        scenario: `${name}: first event, p50`,
        unit: 'µs',
        measured: rounds.map((round) => round.firstByteP50Us),
      },
    ]),
    ...emptyNodeFloor(name, bareSpawns, baseline),
  ];
}

function emptyNodeFloor(
  name: string,
  measured: readonly number[],
  baseline: readonly SpawnBaseline[],
): readonly Result[] {
  if (measured.length === 0) return [];
  return [
    {
      scenario: `${name}: floor, child_process in an empty Node, p50`,
      launcher: 'child-process',
      unit: 'µs',
      measured,
      baseline: baseline.map((round) => round.p50Us),
    },
  ];
}
