import { resultsOfLaunchers } from '../launcher-results.ts';
import type { Launcher } from '../launcher.ts';
import { measureLatency } from '../native-programs.ts';
import type { LatencyMeasurement } from '../native-programs.ts';
import { countOpenFiles, readMemoryUsage } from '../process-usage.ts';
import { repeatLaunchers } from '../rounds.ts';
import type { Result, RunSettings, Scenario } from '../scenario.ts';
import { startServer } from '../server.ts';
import type { ServerUnderTest } from '../server.ts';
import { shellEnvironment } from '../shell-environment.ts';

/** Whether thousands of commands make a server or its shim slower or larger; one pass, however many rounds. */
export const sequentialDrift: Scenario = { name: 'sequential true', run: measureSequentialDrift };

/** What is held at one moment; the shim's part is undefined without a shim. */
interface Holdings {
  readonly residentMb: number;
  readonly files: number;
  readonly shim: { readonly residentMb: number; readonly files: number } | undefined;
}

interface DriftPass {
  readonly before: Holdings;
  readonly after: Holdings;
  readonly latency: LatencyMeasurement;
}

async function measureSequentialDrift(settings: RunSettings): Promise<readonly Result[]> {
  const { launchers, isQuick, signal } = settings;
  const requests = isQuick ? 500 : 5_000;
  const measured = await repeatLaunchers({ launchers, rounds: 1 }, (launcher) =>
    measurePass(launcher, requests, signal),
  );
  const name = `${requests.toLocaleString('en-US')} x true`;
  return resultsOfLaunchers(measured, (passes) => passes.flatMap((pass) => resultsOf(name, pass)));
}

async function measurePass(launcher: Launcher, requests: number, signal: AbortSignal): Promise<DriftPass> {
  await using environment = await shellEnvironment('bash');
  await using server = await startServer(environment.variables, signal, { launcher });
  const { port } = server;
  await measureLatency({ port, command: 'true', requests: 100, signal });
  const before = await readHoldings(server, await server.restingFileCount());

  const latency = await measureLatency({ port, command: 'true', requests, signal });
  return {
    before,
    after: await readHoldings(server, await server.fileCountAfterLoad(before.files)),
    latency,
  };
}

async function readHoldings(server: ServerUnderTest, files: number): Promise<Holdings> {
  const { shimPid } = server;
  const residentMb = server.memoryUsage().residentBytes / 1e6;
  if (shimPid === undefined) return { residentMb, files, shim: undefined };
  const shimMb = readMemoryUsage(shimPid).residentBytes / 1e6;
  return { residentMb, files, shim: { residentMb: shimMb, files: await countOpenFiles(shimPid) } };
}

function resultsOf(name: string, { before, after, latency }: DriftPass): Result[] {
  const results: Result[] = [
    {
      scenario: `${name}: p50 of the last tenth, against the first`,
      unit: 'µs',
      measured: [latency.lastTenthEndP50Us],
      baseline: [latency.firstTenthEndP50Us],
      target: { of: 'ratio', bound: 'at most', limit: 1.2 },
    },
    {
      scenario: `${name}: RSS after, against before`,
      unit: 'MB',
      measured: [after.residentMb],
      baseline: [before.residentMb],
      target: { of: 'ratio', bound: 'at most', limit: 1.3 },
    },
    {
      scenario: `${name}: fds after, against before`,
      unit: 'fds',
      measured: [after.files],
      baseline: [before.files],
      target: { of: 'ratio', bound: 'at most', limit: 1 },
    },
  ];
  if (before.shim === undefined || after.shim === undefined) return results;
  results.push(
    {
      scenario: `${name}: the shim's RSS after, against before`,
      unit: 'MB',
      measured: [after.shim.residentMb],
      baseline: [before.shim.residentMb],
      target: { of: 'ratio', bound: 'at most', limit: 1.5 },
    },
    {
      scenario: `${name}: the shim's fds after, against before`,
      unit: 'fds',
      measured: [after.shim.files],
      baseline: [before.shim.files],
      target: { of: 'ratio', bound: 'at most', limit: 1 },
    },
  );
  return results;
}
