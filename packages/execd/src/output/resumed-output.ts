import type { OutputStream } from './output-block.ts';
import type { LogPast } from './output-log.ts';
import type { OutputPast } from './process-output.ts';
import type { RecoveredOutput } from './spool-recovery.ts';

/** What log and output of a process go on from whose first part another daemon took. */
export interface ResumedOutput {
  readonly log: LogPast;
  readonly output: OutputPast;
}

/**
 * Joins what is on disk with what comes: all output of the process but the first `dropped` bytes of each stream. What is on
 * disk is of no use when it ends before that; undefined then and when there is nothing on disk.
 */
export function resumeFromDisk(
  recovered: RecoveredOutput | undefined,
  dropped: Readonly<Record<OutputStream, number>>,
): ResumedOutput | undefined {
  if (!recovered) return undefined;
  const { past, bytes, endsWithCarriageReturn } = recovered;
  if (bytes.stdout < dropped.stdout || bytes.stderr < dropped.stderr) return undefined;
  const repeated = { stdout: bytes.stdout - dropped.stdout, stderr: bytes.stderr - dropped.stderr };
  return { log: past, output: { bytes, repeated, endsWithCarriageReturn, beginsInLine: NEITHER } };
}

const NEITHER = { stdout: false, stderr: false };

/**
 * Begins behind bytes that are lost. How many events they made is not known: not more than bytes, so that no event behind
 * them has an id that an earlier one had.
 */
export function resumeBehind(dropped: Readonly<Record<OutputStream, number>>): ResumedOutput {
  const lost = dropped.stdout + dropped.stderr;
  return {
    log: {
      segments: [],
      stderrBytes: dropped.stderr,
      end: { sequence: lost > 0 ? 1 : 0, events: lost, offset: lost },
    },
    output: {
      bytes: dropped,
      repeated: { stdout: 0, stderr: 0 },
      endsWithCarriageReturn: NEITHER,
      beginsInLine: { stdout: dropped.stdout > 0, stderr: dropped.stderr > 0 },
    },
  };
}
