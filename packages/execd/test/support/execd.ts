import { silentLogger } from '@pod-agent/daemon-kit/log';
import { startApp } from '../../src/app.ts';
import { readConfig } from '../../src/config.ts';
import { execdClient, parseEvents } from './execd-client.ts';
import type { ExecdClient } from './execd-client.ts';
import { BUILT_EXECD } from './execd-process.ts';
import { withLauncher } from './launcher.ts';
import type { StreamEvent } from '../../src/execution/event-schema.ts';

export { parseEvents, readEvents } from './execd-client.ts';

/** A real execd in this process, on a port of its own. Disposing it ends everything that it started. */
export interface Execd extends ExecdClient, AsyncDisposable {}

/** Starts execd with these flags and this environment instead of the test's. */
export async function startExecd(
  flags: readonly string[] = [],
  environment: Readonly<Record<string, string | undefined>> = process.env,
): Promise<Execd> {
  const { config } = readConfig(['--host', '127.0.0.1', '--port', '0', ...withLauncher(flags)], environment);
  const app = await startApp(config, environment, silentLogger, [process.execPath, BUILT_EXECD]);
  return {
    ...execdClient(`http://127.0.0.1:${app.port}`),
    [Symbol.asyncDispose]: () => app[Symbol.asyncDispose](),
  };
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
  execd: ExecdClient,
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
