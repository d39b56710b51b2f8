import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { Reply } from '@pod-agent/daemon-kit/http/reply';
import { encodeEvent } from '../execution/event-encoder.ts';
import type { EventFraming } from '../execution/event-encoder.ts';
import type { EventChunk } from '../execution/event-chunk.ts';
import { clientLeft } from './client-left.ts';

/** A ping follows the first event at once, then one every 3 s (contract §2.3). */
const PING_INTERVAL_MS = 3_000;

/** Of every stream of events. */
export const EVENT_STREAM_HEADERS = {
  'Content-Type': 'text/event-stream',
  'Cache-Control': 'no-cache',
  'X-Accel-Buffering': 'no',
};

/**
 * Streams events to one client. Headers go out with the first event, so that a failure before it is an ordinary error
 * answer (contract §2.5). The client's leaving aborts the reading and nothing else; a slow client slows only itself.
 */
export function eventStream(
  framing: EventFraming,
  events: (signal: AbortSignal) => AsyncIterable<EventChunk>,
): Reply {
  return async (response) => {
    const signal = clientLeft(response);
    let pings: NodeJS.Timeout | undefined;
    try {
      for await (const chunk of events(signal)) {
        const isFirst = !response.headersSent;
        if (isFirst) response.writeHead(200, EVENT_STREAM_HEADERS);
        const hasRoom = writeChunk(response, chunk);
        if (chunk.last) {
          response.end();
          return;
        }
        if (isFirst) {
          writePing(response, framing);
          pings = setInterval(() => writePing(response, framing), PING_INTERVAL_MS);
        } else if (!hasRoom) {
          await drained(response, signal);
        }
      }
    } finally {
      clearInterval(pings);
    }
  };
}

/** False when the client has to take something first. What is written in one turn goes out in one packet. */
function writeChunk(response: ServerResponse, { parts, written }: EventChunk): boolean {
  let hasRoom = true;
  for (const [index, part] of parts.entries()) {
    hasRoom = index === parts.length - 1 ? response.write(part, written) : response.write(part);
  }
  return hasRoom;
}

function ping(framing: EventFraming): string {
  return encodeEvent({ type: 'ping', text: 'pong', timestamp: Date.now() }, framing);
}

/** A client that does not read gets no pings either: they would pile up. */
function writePing(response: ServerResponse, framing: EventFraming): void {
  if (!response.writableNeedDrain) response.write(ping(framing));
}

async function drained(response: ServerResponse, signal: AbortSignal): Promise<void> {
  try {
    await once(response, 'drain', { signal });
  } catch (error) {
    // The client left: the loop ends at its next step.
    if (!signal.aborted) throw error;
  }
}
