import { DAEMON_SIZES } from './ballast.ts';
import { commandLatency } from './commands/command-latency.ts';
import { concurrentClients } from './commands/concurrent-clients.ts';
import { eventLoopBlock } from './commands/event-loop-block.ts';
import { idleMemory } from './commands/idle-memory.ts';
import { launchLatency, launchRate } from './commands/launch-latency.ts';
import { lineThroughput, shortLineThroughput } from './commands/output-throughput.ts';
import { manySleeps } from './commands/many-sleeps.ts';
import { sequentialDrift } from './commands/sequential-drift.ts';
import { slowClient } from './commands/slow-client.ts';
import type { Scenario } from './scenario.ts';

const { small, large } = DAEMON_SIZES;

/** POST /command in the order of the table: latency, starting alone, rate, output, slow clients, resources. */
export const COMMAND_SCENARIOS: readonly Scenario[] = [
  commandLatency('sh', small),
  commandLatency('bash', small),
  commandLatency('sh', large),
  commandLatency('bash', large),
  launchLatency('sh', small),
  launchLatency('bash', small),
  launchLatency('sh', large),
  launchLatency('bash', large),
  launchRate,
  eventLoopBlock(small),
  eventLoopBlock(large),
  concurrentClients('sh'),
  concurrentClients('bash'),
  lineThroughput,
  shortLineThroughput,
  slowClient,
  idleMemory,
  manySleeps,
  sequentialDrift,
];
