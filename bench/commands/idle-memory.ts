import { setTimeout as delay } from 'node:timers/promises';
import { resultsOfLaunchers } from '../launcher-results.ts';
import type { Launcher } from '../launcher.ts';
import { readMemoryUsage } from '../process-usage.ts';
import { IDLE_AFTER_MS } from '../resident-memory.ts';
import { repeatLaunchers } from '../rounds.ts';
import type { Result, RunSettings, Scenario } from '../scenario.ts';
import { startServer } from '../server.ts';
import { shellEnvironment } from '../shell-environment.ts';

/** Resident memory of a server nobody has asked for anything yet, and of its shim. */
export const idleMemory: Scenario = { name: 'idle RSS 2 s after start', run: measureIdleMemory };

interface IdleMemory {
  /** The server and its shim together. */
  readonly allMb: number;
  /** Undefined without a shim. */
  readonly shimMb: number | undefined;
}

async function measureIdleMemory(settings: RunSettings): Promise<readonly Result[]> {
  const measured = await repeatLaunchers(settings, (launcher) => readIdleMemory(launcher, settings.signal));
  return resultsOfLaunchers(measured, (rounds): readonly Result[] => {
    const shimMb = rounds.map((round) => round.shimMb).filter((value) => value !== undefined);
    const all: Result = {
      scenario: idleMemory.name,
      unit: 'MB',
      measured: rounds.map((round) => round.allMb),
      target: { of: 'measured', bound: 'at most', limit: 80 },
    };
    if (shimMb.length === 0) return [all];
    return [all, { scenario: `${idleMemory.name}: the shim's part`, unit: 'MB', measured: shimMb }];
  });
}

async function readIdleMemory(launcher: Launcher, signal: AbortSignal): Promise<IdleMemory> {
  await using environment = await shellEnvironment('bash');
  await using server = await startServer(environment.variables, signal, { launcher });
  await delay(IDLE_AFTER_MS, undefined, { signal });
  const { shimPid } = server;
  return {
    allMb: server.memoryUsage().residentBytes / 1e6,
    shimMb: shimPid === undefined ? undefined : readMemoryUsage(shimPid).residentBytes / 1e6,
  };
}
