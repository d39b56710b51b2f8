import { measureLatency, measureSpawn } from '../native-programs.ts';
import type { SpawnRequest } from '../native-programs.ts';
import { alternate } from '../rounds.ts';
import type { Result, RunSettings, Scenario } from '../scenario.ts';
import { startServer } from '../server.ts';
import { shellEnvironment } from '../shell-environment.ts';
import type { Shell } from '../shell-environment.ts';

const CLIENTS = 32;

/** Commands per second with 32 clients, against two spawners side by side without a server. */
export function concurrentClients(shell: Shell): Scenario {
  const name = `${CLIENTS} clients, true, ${shell}`;
  return { name, run: (settings) => measure(name, shell, settings) };
}

async function measure(name: string, shell: Shell, settings: RunSettings): Promise<readonly Result[]> {
  const { rounds, isQuick, signal } = settings;
  const commands = isQuick ? 200 : 1_000;
  await using environment = await shellEnvironment(shell);
  await using server = await startServer(environment.variables, signal);
  const request = { port: server.port, command: 'true', requests: commands, connections: CLIENTS, signal };
  const spawn = {
    argv: [shell, '-c', 'true'],
    rounds: commands / 2,
    environment: environment.variables,
    signal,
  };
  await measureLatency(request); // not counted: the server's code is compiled meanwhile

  const { baseline, measured } = await alternate(
    rounds,
    () => twoSpawnersPerSecond(spawn),
    () => measureLatency(request),
  );
  return [
    {
      scenario: name,
      unit: 'commands/s',
      measured: measured.map((round) => round.perSecond),
      baseline,
      target: { of: 'ratio', bound: 'at least', limit: 0.3 },
    },
    {
      scenario: `${name}: end of stream, p99`,
      unit: 'µs',
      measured: measured.map((round) => round.endP99Us),
    },
  ];
}

async function twoSpawnersPerSecond(spawn: SpawnRequest): Promise<number> {
  const [first, second] = await Promise.all([measureSpawn(spawn), measureSpawn(spawn)]);
  return first.perSecond + second.perSecond;
}
