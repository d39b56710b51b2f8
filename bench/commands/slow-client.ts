import { setTimeout as delay } from 'node:timers/promises';
import { resultsOfLaunchers } from '../launcher-results.ts';
import type { Launcher } from '../launcher.ts';
import { measureLatency, measureStream } from '../native-programs.ts';
import { IDLE_AFTER_MS, watchResidentPeak } from '../resident-memory.ts';
import { repeatLaunchers } from '../rounds.ts';
import type { Result, RunSettings, Scenario } from '../scenario.ts';
import { startServer } from '../server.ts';
import { shellEnvironment } from '../shell-environment.ts';
import { longLines } from './long-lines.ts';

const OUTPUT_BYTES = 400 * 1024 * 1024;
const CLIENT_BYTES_PER_SECOND = 20_000_000;

/** A client which reads 20 MB/s of a fast command: the server's memory with its shim's, and what a second client feels. */
export const slowClient: Scenario = { name: 'slow client (20 MB/s)', run: measureSlowClient };

interface EchoRound {
  readonly residentGrowthMb: number;
  readonly peakGrowthMb: number;
  readonly echoP50Us: number;
}

/** The echo load alone, and then beside the slow client. */
interface SlowClientRound {
  readonly alone: EchoRound;
  readonly beside: EchoRound;
}

async function measureSlowClient(settings: RunSettings): Promise<readonly Result[]> {
  const measured = await repeatLaunchers(settings, async (launcher): Promise<SlowClientRound> => ({
    alone: await measureEcho(settings, launcher, 'alone'),
    beside: await measureEcho(settings, launcher, 'beside slow client'),
  }));
  return resultsOfLaunchers(measured, resultsOf);
}

function resultsOf(rounds: readonly SlowClientRound[]): readonly Result[] {
  const { name } = slowClient;
  return [
    {
      scenario: `${name}: peak RSS over idle`,
      unit: 'MB',
      measured: rounds.map(({ beside }) => beside.residentGrowthMb),
      baseline: rounds.map(({ alone }) => alone.residentGrowthMb),
      target: { of: 'measured', bound: 'at most', limit: 60 },
    },
    {
      scenario: `${name}: VmHWM over idle RSS`,
      unit: 'MB',
      measured: rounds.map(({ beside }) => beside.peakGrowthMb),
      baseline: rounds.map(({ alone }) => alone.peakGrowthMb),
    },
    {
      scenario: `${name}: echo hi of a second client, p50`,
      unit: 'µs',
      measured: rounds.map(({ beside }) => beside.echoP50Us),
      baseline: rounds.map(({ alone }) => alone.echoP50Us),
      target: { of: 'ratio', bound: 'at most', limit: 2 },
    },
  ];
}

/**
 * The same echo load with and without the slow client, each time on a server of its own: memory once taken is
 * seldom given back, and what the echo load takes by itself must not count against the slow client.
 */
async function measureEcho(
  settings: RunSettings,
  launcher: Launcher,
  load: 'alone' | 'beside slow client',
): Promise<EchoRound> {
  const { isQuick, signal } = settings;
  const slowSeconds = isQuick ? 3 : 6;
  await using environment = await shellEnvironment('bash');
  await using server = await startServer(environment.variables, signal, { launcher });
  const { port } = server;
  await delay(IDLE_AFTER_MS, undefined, { signal });
  const idleBytes = server.memoryUsage().residentBytes;

  using memory = watchResidentPeak(server);
  const [echo] = await Promise.all([
    measureLatency({ port, command: 'echo hi', requests: 1_000_000, maxSeconds: slowSeconds - 0.5, signal }),
    load === 'alone' ? undefined : readSlowly(port, slowSeconds, signal),
  ]);
  return {
    residentGrowthMb: (memory.peakBytes() - idleBytes) / 1e6,
    peakGrowthMb: (server.memoryUsage().peakResidentBytes - idleBytes) / 1e6,
    echoP50Us: echo.endP50Us,
  };
}

async function readSlowly(port: number, seconds: number, signal: AbortSignal): Promise<void> {
  await measureStream({
    port,
    command: longLines(OUTPUT_BYTES),
    bytesPerSecond: CLIENT_BYTES_PER_SECOND,
    maxSeconds: seconds,
    signal,
  });
}
