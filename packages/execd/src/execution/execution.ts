import type { OutputLog } from '../output/output-log.ts';
import type { Outcome } from './outcome.ts';

/** What an execution used, where the launcher can tell. */
export interface Resources {
  readonly userCpuMs: number;
  readonly systemCpuMs: number;
  readonly peakRssBytes: number;
  /** Whether the system killed it for want of memory. A guess where nothing but its signal can be seen. */
  readonly oomKill: 'no' | 'yes' | 'inferred';
  /** How many processes were killed with it at its end. */
  readonly swept: number;
}

/** How an execution ended, and when. */
export interface Ending {
  readonly outcome: Outcome;
  readonly resources?: Resources;
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
