import { measureLatency } from '../native-programs.ts';
import type { Result, RunSettings, Scenario } from '../scenario.ts';
import { startServer } from '../server.ts';
import { shellEnvironment } from '../shell-environment.ts';

/** Whether thousands of commands make a server slower or larger; one pass, however many rounds. */
export const sequentialDrift: Scenario = { name: 'sequential true', run: measureSequentialDrift };

async function measureSequentialDrift(settings: RunSettings): Promise<readonly Result[]> {
  const { isQuick, signal } = settings;
  const requests = isQuick ? 500 : 5_000;
  await using environment = await shellEnvironment('bash');
  await using server = await startServer(environment.variables, signal);
  const { port } = server;
  await measureLatency({ port, command: 'true', requests: 100, signal });
  const filesBefore = await server.restingFileCount();
  const residentBefore = server.memoryUsage().residentBytes;

  const { firstTenthEndP50Us, lastTenthEndP50Us } = await measureLatency({
    port,
    command: 'true',
    requests,
    signal,
  });
  const residentAfter = server.memoryUsage().residentBytes;
  const filesAfter = await server.fileCountAfterLoad(filesBefore);

  const name = `${requests.toLocaleString('en-US')} x true`;
  return [
    {
      scenario: `${name}: p50 of the last tenth, against the first`,
      unit: 'µs',
      measured: [lastTenthEndP50Us],
      baseline: [firstTenthEndP50Us],
    },
    {
      scenario: `${name}: RSS after, against before`,
      unit: 'MB',
      measured: [residentAfter / 1e6],
      baseline: [residentBefore / 1e6],
    },
    {
      scenario: `${name}: fds after, against before`,
      unit: 'fds',
      measured: [filesAfter],
      baseline: [filesBefore],
    },
  ];
}
