import { causeOf, errorTextOf, exitCodeOf } from '../execution/outcome.ts';
import type { Outcome } from '../execution/outcome.ts';
import type { Ending, Resources } from '../execution/execution.ts';
import type { Command } from './command.ts';
import type { CommandStatus, CommandSummary } from './schema.ts';

/** The command as GET /command/status/{id} shows it (contract §3.4). */
export function statusOf(command: Command): CommandStatus {
  return {
    id: command.id,
    content: command.text,
    running: command.ending === undefined,
    ...endingOf(command),
    output_bytes: { ...command.output.bytes },
    truncated: command.log.start.sequence > 0,
  };
}

/** The command as a row of GET /command. */
export function summaryOf(command: Command): CommandSummary {
  return {
    id: command.id,
    command: command.text,
    background: command.request.background,
    ...(command.pid === undefined ? {} : { pid: command.pid }),
    state: stateOf(command),
    ...endingOf(command),
  };
}

function stateOf(command: Command): CommandSummary['state'] {
  if (command.ending) return 'finished';
  return command.pid === undefined ? 'starting' : 'running';
}

function endingOf({ startedAt, ending }: Command) {
  const started_at = new Date(startedAt).toISOString();
  return ending ? { started_at, ...finishedFields(ending) } : { started_at, timed_out: false };
}

function finishedFields({ outcome, endedAt, durationMs, resources }: Ending) {
  const error = errorTextOf(outcome);
  const cause = causeOf(outcome);
  return {
    exit_code: exitCodeOf(outcome),
    ...(error === undefined ? {} : { error }),
    finished_at: new Date(endedAt).toISOString(),
    ...signalFields(outcome),
    timed_out: cause?.by === 'timeout',
    ...killerOf(outcome),
    duration_ms: Math.round(durationMs),
    ...(resources ? resourceFields(resources) : {}),
  };
}

function killerOf(outcome: Outcome) {
  if (outcome.kind === 'lost') return { killed_by: 'supervisor_lost' as const };
  const cause = causeOf(outcome);
  return cause ? { killed_by: cause.by } : {};
}

function signalFields(outcome: Outcome) {
  if (outcome.kind !== 'signaled') return {};
  const { signal, coreDumped } = outcome;
  return { signal, ...(coreDumped === undefined ? {} : { core_dumped: coreDumped }) };
}

function resourceFields(resources: Resources) {
  return {
    user_cpu_ms: resources.userCpuMs,
    system_cpu_ms: resources.systemCpuMs,
    peak_rss_bytes: resources.peakRssBytes,
    oom_killed: resources.oomKill !== 'no',
    ...(resources.oomKill === 'inferred' ? { oom_inferred: true } : {}),
    ...(resources.swept > 0 ? { swept: resources.swept } : {}),
  };
}
