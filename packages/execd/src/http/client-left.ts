import type { ServerResponse } from 'node:http';

/** A ready reason: abort() without one builds an exception with a stack for every request. */
const CLIENT_LEFT = new Error('the client left');

/** Aborts when the client leaves before its answer is complete, or has left already. */
export function clientLeft(response: ServerResponse): AbortSignal {
  const closed = new AbortController();
  response.once('close', () => response.writableFinished || closed.abort(CLIENT_LEFT));
  if (response.destroyed) closed.abort(CLIENT_LEFT);
  return closed.signal;
}
