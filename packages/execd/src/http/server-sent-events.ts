import type { ServerResponse } from 'node:http';
import { writable } from '@pod-agent/daemon-kit/http/reply';
import type { Reply } from '@pod-agent/daemon-kit/http/reply';
import { escapeLineSeparators } from '../execution/event-encoder.ts';
import { clientLeft } from './client-left.ts';
import { EVENT_STREAM_HEADERS } from './event-stream.ts';

/** Comments that keep proxies from closing a connection on which nothing happens. */
const PING_INTERVAL_MS = 15_000;

/**
 * Streams JSON texts to one client as standard server-sent events that have data and nothing else. Headers go out with
 * the first, so that a failure before it is an ordinary error answer. The client's leaving aborts the signal; a slow
 * client is not read for.
 */
export function serverSentEvents(events: (signal: AbortSignal) => AsyncIterable<readonly string[]>): Reply {
  return async (response) => {
    let pings: NodeJS.Timeout | undefined;
    try {
      for await (const texts of events(clientLeft(response))) {
        if (!response.headersSent) response.writeHead(200, EVENT_STREAM_HEADERS);
        pings ??= setInterval(() => ping(response), PING_INTERVAL_MS);
        const frames = texts.map((text) => `data: ${escapeLineSeparators(text)}\n\n`);
        if (!response.write(frames.join(''))) await writable(response);
      }
      response.end();
    } finally {
      clearInterval(pings);
    }
  };
}

/** A client that does not read gets no pings either: they would pile up. */
function ping(response: ServerResponse): void {
  if (!response.writableNeedDrain) response.write(': ping\n\n');
}
