import { jsonBody } from '@pod-agent/daemon-kit/http/json-body';
import { empty, json } from '@pod-agent/daemon-kit/http/reply';
import { route } from '@pod-agent/daemon-kit/http/route';
import type { Route } from '@pod-agent/daemon-kit/http/route';
import { maskSecrets } from '@pod-agent/daemon-kit/mask-secrets';
import { ServiceError } from '@pod-agent/daemon-kit/service-error';
import { z } from 'zod';
import { BODY_ERRORS } from '../contract/body-errors.ts';
import { streamEventSchema } from '../execution/event-schema.ts';
import { executionEvents } from '../execution/execution-events.ts';
import type { EventMemory } from '../execution/event-memory.ts';
import { errorResponse } from '../http/error-schema.ts';
import { eventStream } from '../http/event-stream.ts';
import { rawBody } from '../http/raw-body.ts';
import { backgroundEvents } from './background-events.ts';
import type { CommandRegistry } from './command-registry.ts';
import { idempotencyKey } from './command-runner.ts';
import type { CommandRunner } from './command-runner.ts';
import { statusOf, summaryOf } from './command-views.ts';
import type { Command } from './command.ts';
import { eventsRoute, logsRoute, requireRetained } from './output-routes.ts';
import {
  commandList,
  commandParams,
  commandStatus,
  listQuery,
  runCommandRequest,
  signalRequest,
} from './schema.ts';

const TAG = 'Commands';

export interface CommandServices {
  readonly registry: CommandRegistry;
  readonly runner: CommandRunner;
  readonly eventMemory: EventMemory;
}

/** Everything under /command (contract §3 and our additions). */
export function commandRoutes(services: CommandServices): Route[] {
  return [
    runRoute(services),
    listRoute(services),
    interruptRoute(services),
    statusRoute(services),
    logsRoute(services.registry),
    eventsRoute(services),
    signalRoute(services),
    stdinRoute(services),
  ];
}

function runRoute({ runner, eventMemory: memory }: CommandServices): Route {
  return route({
    method: 'POST',
    path: '/command',
    tag: TAG,
    summary: 'Run a command',
    description:
      'Streams the events of the command: bare JSON objects with a blank line behind each. The command goes on when ' +
      'the client leaves. With an Idempotency-Key header, the same key and body give the same execution.',
    hot: true,
    body: jsonBody(runCommandRequest, BODY_ERRORS),
    responses: {
      200: { description: 'Events', contentType: 'text/event-stream', schema: streamEventSchema },
      400: errorResponse('The request is not valid'),
      409: errorResponse('The Idempotency-Key was used with another body'),
      410: errorResponse('The output of the execution with that Idempotency-Key was dropped'),
      413: errorResponse('The body is too large'),
      501: errorResponse('A field needs the native launcher, which is not in force'),
      503: errorResponse('The system has no room for another process'),
    },
    async handle({ body, request, note }) {
      const key = idempotencyKey(request.headers['idempotency-key']);
      const command = key === undefined ? runner.start(body) : runner.startOnce(key, body);
      note({ execution: command.id, command: shownCommand(command.text) });
      await command.started;
      refuseWhenExhausted(command);
      if (body.background) return eventStream('bare', () => backgroundEvents(command));
      requireRetained(command, 0);
      return eventStream('bare', (signal) =>
        executionEvents(command, { framing: 'bare', after: 0, signal, memory }),
      );
    },
  });
}

/** A limit on processes, files or memory was hit before the command ran: nothing of it is left, and it may be tried again. */
function refuseWhenExhausted({ ending }: Command): void {
  const outcome = ending?.outcome;
  if (outcome?.kind !== 'failed-to-start' || !outcome.exhausted) return;
  throw new ServiceError(
    'unavailable',
    'SERVICE_UNAVAILABLE',
    `no room for another process: ${outcome.message}`,
  );
}

const SHOWN_COMMAND_CHARACTERS = 200;

/** The beginning of a command for the log. Masked before it is cut: half a secret may not look like one. */
function shownCommand(text: string): string {
  return maskSecrets(text.slice(0, 20 * SHOWN_COMMAND_CHARACTERS)).slice(0, SHOWN_COMMAND_CHARACTERS);
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
      const command = registry.get(id);
      await command.started;
      if (!(await command.signal(signal, scope))) throw notRunning(id);
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
      const command = registry.get(id);
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

function notRunning(id: string): ServiceError {
  return new ServiceError('conflict', 'COMMAND_NOT_RUNNING', `command is not running: ${id}`);
}
