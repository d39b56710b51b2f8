import { setTimeout as delay } from 'node:timers/promises';
import { measureLatency, measureStream } from '../native-programs.ts';
import type { LatencyRequest } from '../native-programs.ts';
import { repeat } from '../rounds.ts';
import type { Result, RunSettings, Scenario } from '../scenario.ts';
import { startServer } from '../server.ts';
import type { ServerUnderTest } from '../server.ts';
import { shellEnvironment } from '../shell-environment.ts';
import { IDLE_AFTER_MS } from './idle-memory.ts';
import { longLines } from './long-lines.ts';

const OUTPUT_BYTES = 400 * 1024 * 1024;
const CLIENT_BYTES_PER_SECOND = 20_000_000;
const MEMORY_POLL_MS = 50;

/** A client which reads 20 MB/s of a fast command: the server's memory, and what a second client feels. */
export const slowClient: Scenario = { name: 'slow client (20 MB/s)', run: measureSlowClient };

interface SlowClientRound {
  readonly residentGrowthMb: number;
  readonly peakGrowthMb: number;
  readonly aloneP50Us: number;
  readonly besideP50Us: number;
}

async function measureSlowClient(settings: RunSettings): Promise<readonly Result[]> {
  const rounds = await repeat(settings.rounds, () => measureRound(settings));
  const { name } = slowClient;
  return [
    {
      scenario: `${name}: peak RSS over idle`,
      unit: 'MB',
      measured: rounds.map((round) => round.residentGrowthMb),
      target: { of: 'measured', bound: 'at most', limit: 60 },
    },
    {
      scenario: `${name}: VmHWM over idle RSS`,
      unit: 'MB',
      measured: rounds.map((round) => round.peakGrowthMb),
    },
    {
      scenario: `${name}: echo hi of a second client, p50`,
      unit: 'µs',
      measured: rounds.map((round) => round.besideP50Us),
      baseline: rounds.map((round) => round.aloneP50Us),
      target: { of: 'ratio', bound: 'at most', limit: 2 },
    },
  ];
}

/** Each round has a server of its own, since memory once taken is seldom given back. */
async function measureRound(settings: RunSettings): Promise<SlowClientRound> {
  const { isQuick, signal } = settings;
  const slowSeconds = isQuick ? 3 : 6;
  await using environment = await shellEnvironment('bash');
  await using server = await startServer(environment.variables, signal);
  const { port } = server;
  await delay(IDLE_AFTER_MS, undefined, { signal });
  const idleBytes = server.memoryUsage().residentBytes;

  const echo = { port, command: 'echo hi', requests: 1_000_000, maxSeconds: slowSeconds / 3, signal };
  await measureLatency(echo); // not counted: the server's code is compiled meanwhile
  const alone = await measureLatency(echo);
  using memory = watchResidentPeak(server);
  const [beside] = await Promise.all([
    measureLatency(besideSlowClient(echo, slowSeconds)),
    measureStream({
      port,
      command: longLines(OUTPUT_BYTES),
      bytesPerSecond: CLIENT_BYTES_PER_SECOND,
      maxSeconds: slowSeconds,
      signal,
    }),
  ]);
  return {
    residentGrowthMb: (memory.peakBytes() - idleBytes) / 1e6,
    peakGrowthMb: (server.memoryUsage().peakResidentBytes - idleBytes) / 1e6,
    aloneP50Us: alone.endP50Us,
    besideP50Us: beside.endP50Us,
  };
}

/** Ends while the slow client is still reading. */
function besideSlowClient(echo: LatencyRequest, slowSeconds: number): LatencyRequest {
  return { ...echo, maxSeconds: slowSeconds - 0.5 };
}

interface ResidentPeakWatch extends Disposable {
  peakBytes(): number;
}

function watchResidentPeak(server: ServerUnderTest): ResidentPeakWatch {
  let peakBytes = server.memoryUsage().residentBytes;
  const timer = setInterval(() => {
    try {
      peakBytes = Math.max(peakBytes, server.memoryUsage().residentBytes);
    } catch {
      clearInterval(timer); // the server has ended, which its clients report
    }
  }, MEMORY_POLL_MS);
  return { peakBytes: () => peakBytes, [Symbol.dispose]: () => clearInterval(timer) };
}
