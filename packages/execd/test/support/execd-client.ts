import type { StreamEvent } from '../../src/execution/event-schema.ts';

/** Requests to one execd. */
export interface ExecdClient {
  readonly url: string;
  /** fetch on one of its paths; an object body is sent as JSON. The connection is closed after the answer. */
  request(method: string, path: string, body?: unknown, init?: RequestInit): Promise<Response>;
  /** Runs a command to its end and returns the events that are no pings. */
  run(body: Record<string, unknown>): Promise<StreamEvent[]>;
}

/** Requests to the execd that answers there. */
export function execdClient(url: string): ExecdClient {
  const request = (method: string, path: string, body?: unknown, init: RequestInit = {}) =>
    fetch(url + path, {
      ...init,
      method,
      headers: new Headers([['connection', 'close'], ...new Headers(init.headers).entries()]),
      ...(body === undefined ? {} : { body: encodeBody(body) }),
    });
  return { url, request, run: async (body) => readEvents(await request('POST', '/command', body)) };
}

/** All events of an answer but the pings. Throws when the answer is not a stream. */
export async function readEvents(response: Response): Promise<StreamEvent[]> {
  const text = await response.text();
  if (response.status !== 200) throw new Error(`status ${response.status}: ${text}`);
  return parseEvents(text);
}

/** The events of a bare or an SSE body, without the pings. */
export function parseEvents(text: string): StreamEvent[] {
  return text
    .split('\n')
    .map((line) => (line.startsWith('data: ') ? line.slice(6) : line))
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as StreamEvent)
    .filter(({ type }) => type !== 'ping');
}

function encodeBody(body: unknown): string | Uint8Array<ArrayBuffer> | ReadableStream {
  if (typeof body === 'string' || body instanceof ReadableStream) return body;
  return body instanceof Uint8Array ? Uint8Array.from(body) : JSON.stringify(body);
}
