import { silentLogger } from '@pod-agent/daemon-kit/log';
import { startApp } from '../../src/app.ts';
import { readConfig } from '../../src/config.ts';
import { BUILT_EXECD } from './execd-process.ts';
import type { StreamEvent } from '../../src/execution/event-schema.ts';

/** A real execd in this process, on a port of its own. Disposing it ends everything that it started. */
export interface Execd extends AsyncDisposable {
  readonly url: string;
  /** fetch on one of its paths; an object body is sent as JSON. The connection is closed after the answer. */
  request(method: string, path: string, body?: unknown, init?: RequestInit): Promise<Response>;
  /** Runs a command to its end and returns the events that are no pings. */
  run(body: Record<string, unknown>): Promise<StreamEvent[]>;
}

/** Starts execd with these flags and this environment instead of the test's. */
export async function startExecd(
  flags: readonly string[] = [],
  environment: Readonly<Record<string, string | undefined>> = process.env,
): Promise<Execd> {
  const { config } = readConfig(['--host', '127.0.0.1', '--port', '0', ...flags], environment);
  const app = await startApp(config, environment, silentLogger, [process.execPath, BUILT_EXECD]);
  const url = `http://127.0.0.1:${app.port}`;
  const request = (method: string, path: string, body?: unknown, init: RequestInit = {}) =>
    fetch(url + path, {
      ...init,
      method,
      headers: new Headers([['connection', 'close'], ...new Headers(init.headers).entries()]),
      ...(body === undefined ? {} : { body: encodeBody(body) }),
    });
  return {
    url,
    request,
    run: async (body) => readEvents(await request('POST', '/command', body)),
    [Symbol.asyncDispose]: () => app[Symbol.asyncDispose](),
  };
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

/** The texts of all events of one stream. */
export function texts(events: readonly StreamEvent[], stream: 'stdout' | 'stderr' = 'stdout'): string[] {
  return events.flatMap((event) => (event.type === stream ? [event.text] : []));
}

/** The id that the init event gives. Throws when the events do not begin with one. */
export function idOf(events: readonly StreamEvent[]): string {
  const [init] = events;
  if (init?.type !== 'init') throw new Error('no init event');
  return init.text;
}

/** A stream that is read step by step. */
export interface OpenStream {
  readonly id: string;
  /** Reads on until this text has come. */
  until(text: string): Promise<void>;
  /** Reads to the end; gives all events from the start, without the pings. */
  rest(): Promise<StreamEvent[]>;
  /** Leaves without reading on. */
  leave(): Promise<void>;
}

/** Runs a command and returns once its id is known. */
export async function openStream(
  execd: Execd,
  body: Record<string, unknown>,
  init?: RequestInit,
): Promise<OpenStream> {
  const response = await execd.request('POST', '/command', body, init);
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  if (!reader) throw new Error('no body');
  let text = '';
  const readOn = async (): Promise<boolean> => {
    const { done, value } = await reader.read();
    text += value ?? '';
    return !done;
  };
  while (!text.includes('\n\n') && (await readOn()));
  return {
    id: idOf(parseEvents(text)),
    until: async (wanted) => {
      while (!text.includes(wanted))
        if (!(await readOn())) throw new Error(`ended without ${wanted}: ${text}`);
    },
    rest: async () => {
      while (await readOn());
      return parseEvents(text);
    },
    leave: () => reader.cancel(),
  };
}

function encodeBody(body: unknown): string | Uint8Array<ArrayBuffer> | ReadableStream {
  if (typeof body === 'string' || body instanceof ReadableStream) return body;
  return body instanceof Uint8Array ? Uint8Array.from(body) : JSON.stringify(body);
}
