import { resultsOfLaunchers } from '../launcher-results.ts';
import { startServers } from '../launcher-servers.ts';
import type { Launcher } from '../launcher.ts';
import { measureLatency, measureSpawn } from '../native-programs.ts';
import type { SpawnRequest } from '../native-programs.ts';
import { alternateLaunchers } from '../rounds.ts';
import type { Result, RunSettings, Scenario } from '../scenario.ts';
import { shellEnvironment } from '../shell-environment.ts';
import type { Shell } from '../shell-environment.ts';

const CLIENTS = 32;

/** Commands per second with 32 clients, against two spawners side by side without a server. */
export function concurrentClients(shell: Shell): Scenario {
  const name = `${CLIENTS} clients, true, ${shell}`;
  return { name, run: (settings) => measure(name, shell, settings) };
}

async function measure(name: string, shell: Shell, settings: RunSettings): Promise<readonly Result[]> {
  const { isQuick, signal } = settings;
  const commands = isQuick ? 200 : 1_000;
  await using environment = await shellEnvironment(shell);
  await using servers = await startServers(settings, environment.variables);
  const runCommands = (launcher: Launcher) => {
    const { port } = servers.of(launcher);
    return measureLatency({ port, command: 'true', requests: commands, connections: CLIENTS, signal });
  };
  const spawn = {
    argv: [shell, '-c', 'true'],
    rounds: commands / 2,
    environment: environment.variables,
    signal,
  };
  for (const launcher of settings.launchers) await runCommands(launcher); // not counted: code is compiled meanwhile

  const { baseline, measured } = await alternateLaunchers(
    settings,
    () => twoSpawnersPerSecond(spawn),
    runCommands,
  );
  return resultsOfLaunchers(measured, (rounds): readonly Result[] => [
    {
      scenario: name,
      unit: 'commands/s',
      measured: rounds.map((round) => round.perSecond),
      baseline,
      target: { of: 'ratio', bound: 'at least', limit: 0.7 },
    },
    {
      scenario: `${name}: end of stream, p99`,
      unit: 'µs',
      measured: rounds.map((round) => round.endP99Us),
    },
  ]);
}

async function twoSpawnersPerSecond(spawn: SpawnRequest): Promise<number> {
  const [first, second] = await Promise.all([measureSpawn(spawn), measureSpawn(spawn)]);
  return first.perSecond + second.perSecond;
}
