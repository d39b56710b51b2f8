import { measureBareSpawn, measureLatency, measureSpawn } from '../native-programs.ts';
import { alternate } from '../rounds.ts';
import type { Result, RunSettings, Scenario } from '../scenario.ts';
import { startServer } from '../server.ts';
import { shellEnvironment } from '../shell-environment.ts';
import type { Shell } from '../shell-environment.ts';

/** One client, one `true` after the other, against spawning the same shell without a server. */
export function commandLatency(shell: Shell): Scenario {
  const name = `POST /command true, ${shell}`;
  return { name, run: (settings) => measure(name, shell, settings) };
}

async function measure(name: string, shell: Shell, settings: RunSettings): Promise<readonly Result[]> {
  const { rounds, isQuick, signal } = settings;
  const repetitions = isQuick ? 100 : 400;
  await using environment = await shellEnvironment(shell);
  await using server = await startServer(environment.variables, signal);
  const request = { port: server.port, command: 'true', requests: repetitions, signal };
  await measureLatency(request); // not counted: the server's code is compiled meanwhile

  const spawn = {
    argv: [shell, '-c', 'true'],
    rounds: repetitions,
    environment: environment.variables,
    signal,
  };
  const bareSpawns: number[] = [];
  const { baseline, measured } = await alternate(
    rounds,
    () => measureSpawn(spawn),
    async () => {
      bareSpawns.push(await measureBareSpawn(spawn));
      return measureLatency(request);
    },
  );
  return [
    {
      scenario: `${name}: end of stream, p50`,
      unit: 'µs',
      measured: measured.map((round) => round.endP50Us),
      baseline: baseline.map((round) => round.p50Us),
      target: { of: 'ratio', bound: 'at most', limit: 3.5 },
    },
    {
      scenario: `${name}: floor, child_process in an empty Node, p50`,
      unit: 'µs',
      measured: bareSpawns,
      baseline: baseline.map((round) => round.p50Us),
    },
    {
      scenario: `${name}: end of stream, p99`,
      unit: 'µs',
      measured: measured.map((round) => round.endP99Us),
      baseline: baseline.map((round) => round.p99Us),
    },
    {
      scenario: `${name}: first event, p50`,
      unit: 'µs',
      measured: measured.map((round) => round.firstByteP50Us),
    },
  ];
}
