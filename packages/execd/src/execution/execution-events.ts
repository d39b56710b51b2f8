import { formatDuration } from '@pod-agent/daemon-kit/duration';
import type { LogEntry } from '../output/log-entry.ts';
import { OutputLostError } from '../output/output-reader.ts';
import { ChunkEncoder, textChunk } from './event-chunk.ts';
import type { EventChunk } from './event-chunk.ts';
import { encodeEvent } from './event-encoder.ts';
import type { EventFraming } from './event-encoder.ts';
import type { EventMemory } from './event-memory.ts';
import type { StreamEvent } from './event-schema.ts';
import type { Ending, Execution } from './execution.ts';
import { causeOf, errorTextOf } from './outcome.ts';
import type { Outcome } from './outcome.ts';

export interface EventsRequest {
  framing: EventFraming;
  memory: EventMemory;
  /** Ordinal of the last event that the reader has already seen; 0 for none. */
  after: number;
  /** Aborting it stops the reading; the execution is not touched. */
  signal: AbortSignal;
}

/** The ordinal of `init`. Output events follow it without a gap, the ending comes last. */
const INIT_ORDINAL = 1;
const FIRST_OUTPUT_ORDINAL = 2;

/**
 * The events of an execution, from the past as they were and then live: `init`, output in order, and exactly one
 * ending (contract §2.3). The same request always gives the same events.
 */
export async function* executionEvents(
  execution: Execution,
  request: EventsRequest,
): AsyncGenerator<EventChunk> {
  const { framing, after } = request;
  if (after < INIT_ORDINAL) yield textChunk(encodeEvent(initEvent(execution), framing, INIT_ORDINAL), false);
  try {
    yield* outputAndEnding(execution, request);
  } catch (error) {
    if (!(error instanceof OutputLostError)) throw error;
    yield textChunk(encodeEvent(lostEvent(error), framing), true);
  }
}

async function* outputAndEnding(
  execution: Execution,
  { framing, after, signal, memory }: EventsRequest,
): AsyncGenerator<EventChunk> {
  const seen = Math.max(0, after - INIT_ORDINAL);
  if (execution.log.start.events > seen) throw new OutputLostError('output was dropped before it was read');
  const encoder = new ChunkEncoder(framing, memory);
  await using reader = execution.log.readAfterEvents(seen);
  while (!signal.aborted) {
    const entries = await reader.available();
    let newest: EventChunk | undefined;
    for (const chunk of encoder.encode(entries, ordinalOf, after)) {
      if (newest) yield newest;
      newest = chunk;
    }
    if (reader.atEnd) {
      const ordinal = FIRST_OUTPUT_ORDINAL + execution.log.end.events;
      const ending = encodeEvent(endingEvent(await execution.ended), framing, ordinal);
      // One write for the last output and the ending.
      yield newest ? { ...newest, parts: [...newest.parts, ending], last: true } : textChunk(ending, true);
      return;
    }
    if (newest) yield newest;
    else await reader.changed(signal);
  }
}

/** The ordinal of the oldest event that can still be read with everything behind it. */
export function oldestOrdinal(execution: Execution): number {
  const { events } = execution.log.start;
  return events === 0 ? INIT_ORDINAL : FIRST_OUTPUT_ORDINAL + events;
}

/** The ordinal of the newest event so far; of the ending when there is one. */
export function newestOrdinal(execution: Execution, hasEnded: boolean): number {
  return INIT_ORDINAL + execution.log.end.events + (hasEnded ? 1 : 0);
}

export function initEvent(execution: Execution): StreamEvent {
  return { type: 'init', text: execution.id, timestamp: execution.startedAt };
}

/** The last event: `execution_complete` for exit code 0, else `error` (contract §2.2, §3.1). */
export function endingEvent({ outcome, durationMs, endedAt }: Ending): StreamEvent {
  const error = errorTextOf(outcome);
  if (error === undefined) return completeEvent(durationMs, endedAt);
  return {
    type: 'error',
    timestamp: endedAt,
    error: {
      ename: 'CommandExecError',
      evalue: errorValueOf(outcome),
      traceback: [error, ...causeLines(outcome)],
    },
  };
}

/** `execution_complete`; below 1 ms it has no `execution_time`. */
export function completeEvent(durationMs: number, timestamp: number): StreamEvent {
  const wholeMs = Math.floor(durationMs);
  return { type: 'execution_complete', ...(wholeMs >= 1 ? { execution_time: wholeMs } : {}), timestamp };
}

/** SDKs read the exit code from here: decimal digits, or the text of a start failure. */
function errorValueOf(outcome: Outcome): string {
  switch (outcome.kind) {
    case 'exited':
      return String(outcome.code);
    case 'signaled':
      return '-1';
    case 'failed-to-start':
    case 'lost':
      return outcome.message;
  }
}

/** A second traceback line that names who ended the process; the exit code alone cannot tell. */
function causeLines(outcome: Outcome): string[] {
  const cause = causeOf(outcome);
  switch (cause?.by) {
    case undefined:
      return [];
    case 'timeout':
      return [`timed out after ${formatDuration(cause.timeoutMs)}`];
    case 'interrupt':
      return ['interrupted by request'];
    case 'signal':
      return [`ended by ${cause.signal}, sent by request`];
    case 'shutdown':
      return ['execd was shut down'];
  }
}

function lostEvent(error: OutputLostError): StreamEvent {
  const message = `${error.message}; the command is not affected`;
  return {
    type: 'error',
    timestamp: Date.now(),
    error: { ename: 'OutputLost', evalue: message, traceback: [message] },
  };
}

function ordinalOf({ position }: LogEntry): number {
  return FIRST_OUTPUT_ORDINAL + position.events;
}
