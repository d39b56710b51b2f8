import { writable } from '@pod-agent/daemon-kit/http/reply';
import type { Reply } from '@pod-agent/daemon-kit/http/reply';
import { clientLeft } from './client-left.ts';

/** So much (bytes) waits for a slow client before its source does. */
const WAITING_BYTES = 1024 * 1024;

/** Where lines of JSON go. */
export interface LineSink {
  /** Sends the headers; a failure before is an ordinary error answer, one after it cuts the connection. */
  begin(): void;
  /** Whole lines. Wait for the promise, if there is one: the client is slow. */
  write(lines: Uint8Array | string): void | Promise<void>;
}

/** Streams lines of JSON (application/x-ndjson) at the client's pace. The signal aborts when the client leaves. */
export function lineStream(produce: (sink: LineSink, signal: AbortSignal) => Promise<void>): Reply {
  return async (response) => {
    const sink: LineSink = {
      begin() {
        response.writeHead(200, {
          'Content-Type': 'application/x-ndjson; charset=utf-8',
          'Cache-Control': 'no-cache',
          'X-Accel-Buffering': 'no',
        });
        response.flushHeaders();
      },
      write(lines) {
        if (response.destroyed || response.write(lines) || response.writableLength < WAITING_BYTES) return;
        return writable(response);
      },
    };
    await produce(sink, clientLeft(response));
    response.end();
  };
}
