import { resultsOfLaunchers } from '../launcher-results.ts';
import type { Launcher } from '../launcher.ts';
import { measureLatency, measureLatencyWithErrors } from '../native-programs.ts';
import { repeatLaunchers } from '../rounds.ts';
import type { Result, RunSettings, Scenario } from '../scenario.ts';
import { startServer } from '../server.ts';
import { shellEnvironment } from '../shell-environment.ts';

const SLEEPS = 1_000;

/** A thousand commands at once, each a second long: wall time, failures, file descriptors that server or shim leak. */
export const manySleeps: Scenario = { name: '1,000 concurrent sleep 1', run: measureManySleeps };

interface ManySleepsRound {
  readonly seconds: number;
  readonly errors: number;
  readonly filesBefore: number;
  readonly filesAfter: number;
}

async function measureManySleeps(settings: RunSettings): Promise<readonly Result[]> {
  const measured = await repeatLaunchers(settings, (launcher) => measureRound(launcher, settings.signal));
  return resultsOfLaunchers(measured, resultsOf);
}

function resultsOf(rounds: readonly ManySleepsRound[]): readonly Result[] {
  const { name } = manySleeps;
  return [
    {
      scenario: `${name}: wall time`,
      unit: 's',
      measured: rounds.map((round) => round.seconds),
      target: { of: 'measured', bound: 'at most', limit: 2.9 },
    },
    {
      scenario: `${name}: errors, all rounds`,
      unit: 'requests',
      measured: [rounds.reduce((sum, round) => sum + round.errors, 0)],
      target: { of: 'measured', bound: 'at most', limit: 0 },
    },
    {
      scenario: `${name}: fds after, against before`,
      unit: 'fds',
      measured: rounds.map((round) => round.filesAfter),
      baseline: rounds.map((round) => round.filesBefore),
    },
    {
      scenario: `${name}: leaked fds, worst round`,
      unit: 'fds',
      measured: [Math.max(...rounds.map((round) => round.filesAfter - round.filesBefore))],
      target: { of: 'measured', bound: 'at most', limit: 0 },
    },
  ];
}

async function measureRound(launcher: Launcher, signal: AbortSignal): Promise<ManySleepsRound> {
  await using environment = await shellEnvironment('bash');
  await using server = await startServer(environment.variables, signal, { launcher });
  const { port } = server;
  await measureLatency({ port, command: 'true', requests: 100, signal });
  const filesBefore = await server.restingFileCount();
  const { seconds, errors, firstError } = await measureLatencyWithErrors({
    port,
    command: 'sleep 1',
    requests: SLEEPS,
    connections: SLEEPS,
    signal,
  });
  if (errors > 0) console.error(`${manySleeps.name}: ${errors} errors, the first one: ${firstError}`);
  const filesAfter = await server.fileCountAfterLoad(filesBefore);
  return { seconds, errors, filesBefore, filesAfter };
}
