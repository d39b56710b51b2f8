import type { IncomingMessage } from 'node:http';
import { jsonBody } from '@pod-agent/daemon-kit/http/json-body';
import { empty, json, textStream } from '@pod-agent/daemon-kit/http/reply';
import type { Reply } from '@pod-agent/daemon-kit/http/reply';
import { route } from '@pod-agent/daemon-kit/http/route';
import type { Route } from '@pod-agent/daemon-kit/http/route';
import { ServiceError } from '@pod-agent/daemon-kit/service-error';
import { z } from 'zod';
import { streamEventSchema } from '../execution/event-schema.ts';
import { executionEvents, newestOrdinal, oldestOrdinal } from '../execution/execution-events.ts';
import { errorResponse } from '../http/error-schema.ts';
import { eventStream } from '../http/event-stream.ts';
import { rawBody } from '../http/raw-body.ts';
import { backgroundEvents } from './background-events.ts';
import { sliceLog } from './command-logs.ts';
import type { CommandRegistry } from './command-registry.ts';
import { idempotencyKey } from './command-runner.ts';
import type { CommandRunner } from './command-runner.ts';
import { statusOf, summaryOf } from './command-views.ts';
import type { Command } from './command.ts';
import {
  commandList,
  commandParams,
  commandStatus,
  listQuery,
  runCommandRequest,
  signalRequest,
} from './schema.ts';

const TAG = 'Commands';
const SHOWN_COMMAND_CHARACTERS = 200;

export interface CommandServices {
  readonly registry: CommandRegistry;
  readonly runner: CommandRunner;
}

/** Everything under /command (contract §3 and our additions). */
export function commandRoutes(services: CommandServices): Route[] {
  return [
    runRoute(services),
    listRoute(services),
    interruptRoute(services),
    statusRoute(services),
    logsRoute(services),
    eventsRoute(services),
    signalRoute(services),
    stdinRoute(services),
  ];
}

function runRoute({ runner }: CommandServices): Route {
  return route({
    method: 'POST',
    path: '/command',
    tag: TAG,
    summary: 'Run a command',
    description:
      'Streams the events of the command: bare JSON objects with a blank line behind each. The command goes on when ' +
      'the client leaves. With an Idempotency-Key header, the same key and body give the same execution.',
    hot: true,
    body: jsonBody(runCommandRequest, {
      parse: 'error parsing request, MAYBE invalid body format. ',
      validation: 'invalid request, validation error ',
    }),
    responses: {
      200: { description: 'Events', contentType: 'text/event-stream', schema: streamEventSchema },
      400: errorResponse('The request is not valid'),
      409: errorResponse('The Idempotency-Key was used with another body'),
      410: errorResponse('The output of the execution with that Idempotency-Key was dropped'),
      413: errorResponse('The body is too large'),
    },
    handle({ body, request, note }) {
      const key = idempotencyKey(request.headers['idempotency-key']);
      const command = key === undefined ? runner.start(body) : runner.startOnce(key, body);
      note({ execution: command.id, command: command.text.slice(0, SHOWN_COMMAND_CHARACTERS) });
      if (body.background) return eventStream('bare', () => backgroundEvents(command));
      requireRetained(command, 0);
      return eventStream('bare', (signal) => executionEvents(command, { framing: 'bare', after: 0, signal }));
    },
  });
}

function listRoute({ registry }: CommandServices): Route {
  return route({
    method: 'GET',
    path: '/command',
    tag: TAG,
    summary: 'List running and recent commands',
    query: listQuery,
    responses: { 200: { description: 'Newest first', schema: commandList }, 400: errorResponse('Bad query') },
    handle({ query: { state, limit } }) {
      const wanted = registry.list().filter((command) => state === undefined || isIn(command, state));
      return json({ commands: wanted.slice(0, limit).map(summaryOf) });
    },
  });
}

function isIn(command: Command, state: 'running' | 'finished'): boolean {
  return (command.ending === undefined) === (state === 'running');
}

function interruptRoute({ registry }: CommandServices): Route {
  return route({
    method: 'DELETE',
    path: '/command',
    tag: TAG,
    summary: 'Interrupt a command',
    description:
      'TERM to everything that came from it, KILL after 3 s to what is left. Answers when it has ended.',
    query: z.object({ id: z.string().optional().describe('id of the command, from its init event') }),
    responses: {
      200: { description: 'The command has ended' },
      400: errorResponse('id is missing'),
      500: errorResponse('No such command, or it is not running'),
    },
    async handle({ query: { id }, note }) {
      if (!id) throw new ServiceError('invalid-argument', 'MISSING_QUERY', "missing query parameter 'id'");
      note({ execution: id });
      const command = registry.find(id);
      if (!command) throw interruptFailure('no such session');
      if (!(await command.interrupt())) throw interruptFailure('command session ID is not running');
      return empty;
    },
  });
}

/** 500 and this wording are what clients of the original see (contract §3.3). */
function interruptFailure(reason: string): ServiceError {
  return new ServiceError('internal', 'RUNTIME_ERROR', `error interruptting code context. ${reason}`);
}

function statusRoute({ registry }: CommandServices): Route {
  return route({
    method: 'GET',
    path: '/command/status/:id',
    tag: TAG,
    summary: 'State and ending of a command',
    params: commandParams,
    responses: {
      200: { description: 'Status', schema: commandStatus },
      404: errorResponse('No such command'),
    },
    handle({ params: { id } }) {
      const command = registry.find(id);
      // A 404 with this code is what the contract has (§3.4).
      if (!command) throw new ServiceError('not-found', 'INVALID_REQUEST_BODY', `command not found: ${id}`);
      return json(statusOf(command));
    },
  });
}

function logsRoute({ registry }: CommandServices): Route {
  return route({
    method: 'GET',
    path: '/command/:id/logs',
    tag: TAG,
    summary: 'Raw output of a background command',
    description: 'Bytes from the cursor to the current end; the header is the next cursor (contract §3.5).',
    params: commandParams,
    query: z.object({
      cursor: z.string().optional().describe('byte offset; 0 when missing or not a number'),
    }),
    responses: {
      200: {
        description: 'Output',
        contentType: 'text/plain',
        headers: {
          'EXECD-COMMANDS-TAIL-CURSOR': 'the next cursor',
          'EXECD-COMMANDS-LOG-START':
            'offset of the first byte; later than the cursor when output was dropped',
        },
      },
      400: errorResponse('No such command, not a background command, or a negative cursor'),
    },
    handle({ params: { id }, query }) {
      const command = registry.find(id);
      if (!command) throw badLogRequest(`command not found: ${id}`);
      if (!command.request.background) throw badLogRequest(`command ${id} is not running in background`);
      const cursor = /^[+-]?\d+$/.test(query.cursor ?? '') ? Number(query.cursor) : 0;
      if (cursor < 0) throw badLogRequest('error seek file: invalid argument');
      const slice = sliceLog(command, cursor);
      return textStream(slice.bytes(), slice.end - slice.start, {
        'EXECD-COMMANDS-TAIL-CURSOR': String(slice.end),
        'EXECD-COMMANDS-LOG-START': String(slice.start),
      });
    },
  });
}

function badLogRequest(message: string): ServiceError {
  return new ServiceError('invalid-argument', 'INVALID_REQUEST_BODY', message);
}

function eventsRoute({ registry }: CommandServices): Route {
  return route({
    method: 'GET',
    path: '/command/:id/events',
    tag: TAG,
    summary: 'Events of a command, replayed and then live',
    description:
      'Standard server-sent events. `id` counts the events that are no pings, from 1. Starts behind `after` or ' +
      'Last-Event-ID; any number of readers. 204 when everything was seen.',
    params: commandParams,
    query: z.object({ after: z.string().optional().describe('id of the last event seen; 0 for none') }),
    responses: {
      200: { description: 'Events', contentType: 'text/event-stream', schema: streamEventSchema },
      204: { description: 'The command has ended and its last event was seen' },
      400: errorResponse('`after` is no event id of this command'),
      404: errorResponse('No such command'),
      410: errorResponse('Events behind `after` were dropped; `oldest_id` is the oldest that is left'),
    },
    handle({ params: { id }, query, request }) {
      const command = requireCommand(registry, id);
      const after = lastSeenId(query.after, request);
      const newest = newestOrdinal(command, command.ending !== undefined);
      if (after > newest) {
        throw new ServiceError(
          'invalid-argument',
          'INVALID_REQUEST',
          `no event ${after}: the newest is ${newest}`,
        );
      }
      if (after === newest && command.ending) return noContent;
      requireRetained(command, after);
      return eventStream('sse', (signal) => executionEvents(command, { framing: 'sse', after, signal }));
    },
  });
}

const noContent: Reply = (response) => {
  response.writeHead(204);
  response.end();
};

function lastSeenId(after: string | undefined, request: IncomingMessage): number {
  const header = request.headers['last-event-id'];
  const text = after ?? (typeof header === 'string' ? header : '0');
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new ServiceError('invalid-argument', 'INVALID_REQUEST', `invalid event id ${JSON.stringify(text)}`);
}

/** Throws `gone` unless every event behind `after` can still be read. */
function requireRetained(command: Command, after: number): void {
  const oldest = oldestOrdinal(command);
  if (after + 1 >= oldest) return;
  const message = `events up to ${oldest - 1} were dropped; the oldest that is left is ${oldest}`;
  throw new ServiceError('gone', 'EVENTS_GONE', message, { details: { oldest_id: oldest } });
}

function signalRoute({ registry }: CommandServices): Route {
  return route({
    method: 'POST',
    path: '/command/:id/signal',
    tag: TAG,
    summary: 'Send a signal to a command',
    params: commandParams,
    body: jsonBody(signalRequest, { parse: 'error parsing request. ', validation: 'invalid request. ' }),
    responses: {
      200: { description: 'Sent' },
      400: errorResponse('No such signal or scope'),
      404: errorResponse('No such command'),
      409: errorResponse('The command is not running'),
    },
    async handle({ params: { id }, body: { signal, scope }, note }) {
      note({ execution: id, signal, scope });
      const command = requireCommand(registry, id);
      await command.started;
      if (!command.signal(signal, scope)) throw notRunning(id);
      return empty;
    },
  });
}

function stdinRoute({ registry }: CommandServices): Route {
  return route({
    method: 'POST',
    path: '/command/:id/stdin',
    tag: TAG,
    summary: 'Write to the stdin of a command',
    description: 'The body goes to the command byte for byte, at the pace at which it reads.',
    params: commandParams,
    query: z.object({ close: z.enum(['true', 'false']).default('false').describe('then close stdin') }),
    body: rawBody(),
    responses: {
      200: { description: 'Everything was written' },
      404: errorResponse('No such command'),
      409: errorResponse('The command has no open stdin'),
    },
    async handle({ params: { id }, query: { close }, body, note }) {
      note({ execution: id });
      const command = requireCommand(registry, id);
      if (!command.request.stdin) throw stdinClosed('the command was not started with stdin: true');
      if (command.ending) throw notRunning(id);
      for await (const chunk of body) await writeStdin(command, chunk);
      if (close === 'true') await command.closeStdin();
      return empty;
    },
  });
}

async function writeStdin(command: Command, chunk: Buffer): Promise<void> {
  try {
    await command.writeStdin(chunk);
  } catch (error) {
    throw stdinClosed('the command reads no more', error);
  }
}

function stdinClosed(message: string, cause?: unknown): ServiceError {
  return new ServiceError('conflict', 'STDIN_CLOSED', message, { cause });
}

function requireCommand(registry: CommandRegistry, id: string): Command {
  const command = registry.find(id);
  if (command) return command;
  throw new ServiceError('not-found', 'COMMAND_NOT_FOUND', `command not found: ${id}`);
}

function notRunning(id: string): ServiceError {
  return new ServiceError('conflict', 'COMMAND_NOT_RUNNING', `command is not running: ${id}`);
}
