import { commandLatency } from './commands/command-latency.ts';
import { concurrentClients } from './commands/concurrent-clients.ts';
import { idleMemory } from './commands/idle-memory.ts';
import { lineThroughput, shortLineThroughput } from './commands/output-throughput.ts';
import { manySleeps } from './commands/many-sleeps.ts';
import { sequentialDrift } from './commands/sequential-drift.ts';
import { slowClient } from './commands/slow-client.ts';
import type { Scenario } from './scenario.ts';

/** POST /command in the order of the table: latency, rate, output, slow clients, resources. */
export const COMMAND_SCENARIOS: readonly Scenario[] = [
  commandLatency('sh'),
  commandLatency('bash'),
  concurrentClients('sh'),
  concurrentClients('bash'),
  lineThroughput,
  shortLineThroughput,
  slowClient,
  idleMemory,
  manySleeps,
  sequentialDrift,
];
