import { setTimeout as delay } from 'node:timers/promises';
import { IDLE_AFTER_MS } from '../resident-memory.ts';
import { repeat } from '../rounds.ts';
import type { Result, RunSettings, Scenario } from '../scenario.ts';
import { startServer } from '../server.ts';
import { shellEnvironment } from '../shell-environment.ts';

/** Resident memory of a server nobody has asked for anything yet. */
export const idleMemory: Scenario = { name: 'idle RSS 2 s after start', run: measureIdleMemory };

async function measureIdleMemory(settings: RunSettings): Promise<readonly Result[]> {
  return [
    {
      scenario: idleMemory.name,
      unit: 'MB',
      measured: await repeat(settings.rounds, () => idleMegabytes(settings.signal)),
      target: { of: 'measured', bound: 'at most', limit: 80 },
    },
  ];
}

async function idleMegabytes(signal: AbortSignal): Promise<number> {
  await using environment = await shellEnvironment('bash');
  await using server = await startServer(environment.variables, signal);
  await delay(IDLE_AFTER_MS, undefined, { signal });
  return server.memoryUsage().residentBytes / 1e6;
}
