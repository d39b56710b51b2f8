import type { OutputLog } from '../output/output-log.ts';
import type { Outcome } from './outcome.ts';

/** How an execution ended, and when. */
export interface Ending {
  readonly outcome: Outcome;
  /** Unix ms. */
  readonly endedAt: number;
  /** From the start of the process to its last byte of output, ms. */
  readonly durationMs: number;
}

/** One run of something: what its event stream is made of. */
export interface Execution {
  readonly id: string;
  /** When it was asked for, Unix ms. */
  readonly startedAt: number;
  readonly log: OutputLog;
  /** Settles after the log was closed; never rejects. */
  readonly ended: Promise<Ending>;
}
