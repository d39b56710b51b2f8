import { encodeEvent } from '../execution/event-encoder.ts';
import { textChunk } from '../execution/event-chunk.ts';
import type { EventChunk } from '../execution/event-chunk.ts';
import { completeEvent, endingEvent, initEvent } from '../execution/execution-events.ts';
import type { Command } from './command.ts';

/** What POST /command answers for a background command: `execution_complete` means launched (contract §3.2). */
export async function* backgroundEvents(command: Command): AsyncGenerator<EventChunk> {
  yield textChunk(encodeEvent(initEvent(command), 'bare'), false);
  await command.started;
  const { ending } = command;
  const failed = ending?.outcome.kind === 'failed-to-start';
  const now = Date.now();
  const launched = completeEvent(now - command.startedAt, now);
  yield textChunk(encodeEvent(failed && ending ? endingEvent(ending) : launched, 'bare'), true);
}
