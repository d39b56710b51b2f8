import type { IncomingMessage } from 'node:http';
import { textStream } from '@pod-agent/daemon-kit/http/reply';
import type { Reply } from '@pod-agent/daemon-kit/http/reply';
import { route } from '@pod-agent/daemon-kit/http/route';
import type { Route } from '@pod-agent/daemon-kit/http/route';
import { ServiceError } from '@pod-agent/daemon-kit/service-error';
import { z } from 'zod';
import { streamEventSchema } from '../execution/event-schema.ts';
import { executionEvents, newestOrdinal, oldestOrdinal } from '../execution/execution-events.ts';
import type { EventMemory } from '../execution/event-memory.ts';
import { errorResponse } from '../http/error-schema.ts';
import { eventStream } from '../http/event-stream.ts';
import { sliceLog } from './command-logs.ts';
import type { CommandRegistry } from './command-registry.ts';
import type { Command } from './command.ts';
import { commandParams } from './schema.ts';

const TAG = 'Commands';

/** GET /command/{id}/logs (contract §3.5). */
export function logsRoute(registry: CommandRegistry): Route {
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

/** GET /command/{id}/events, ours. */
export function eventsRoute(services: { registry: CommandRegistry; eventMemory: EventMemory }): Route {
  const { registry, eventMemory: memory } = services;
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
      const command = registry.get(id);
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
      return eventStream('sse', (signal) =>
        executionEvents(command, { framing: 'sse', after, signal, memory }),
      );
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
export function requireRetained(command: Command, after: number): void {
  const oldest = oldestOrdinal(command);
  if (after + 1 >= oldest) return;
  const message = `events up to ${oldest - 1} were dropped; the oldest that is left is ${oldest}`;
  throw new ServiceError('gone', 'EVENTS_GONE', message, { details: { oldest_id: oldest } });
}
