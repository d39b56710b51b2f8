import { once } from 'node:events';
import { get } from 'node:http';
import type { Agent, IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';

const EXCERPT_CHARACTERS = 200;

/** Where to ask; without an agent on a connection of its own. */
export interface GetRequest {
  readonly port: number;
  readonly path: string;
  readonly agent?: Agent;
  readonly signal: AbortSignal;
}

/** The response to a GET, for checks that are not timed. Rejects unless it has status 200. */
export async function openResponse({ port, path, agent, signal }: GetRequest): Promise<IncomingMessage> {
  const request = get({ host: '127.0.0.1', port, path, agent: agent ?? false, signal });
  const [response]: IncomingMessage[] = await once(request, 'response');
  if (response === undefined) throw new Error(`no response to GET ${path}`);
  if (response.statusCode === 200) return response;
  const excerpt = (await text(response)).slice(0, EXCERPT_CHARACTERS);
  throw new Error(`status ${response.statusCode} of GET ${path}: ${excerpt}`);
}
