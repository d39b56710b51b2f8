import { json } from '@pod-agent/daemon-kit/http/reply';
import type { Reply } from '@pod-agent/daemon-kit/http/reply';
import { jsonBody } from '@pod-agent/daemon-kit/http/json-body';
import { route } from '@pod-agent/daemon-kit/http/route';
import type { BodyReader, Method, ResponseDescription, Route } from '@pod-agent/daemon-kit/http/route';
import { ServiceError } from '@pod-agent/daemon-kit/service-error';
import type { ZodType } from 'zod';
import type { SandboxRegistry } from './sandbox-registry.ts';
import type { Sandbox } from './sandbox.ts';
import {
  createSandboxRequest,
  endpoint,
  endpointParams,
  endpointQuery,
  listQuery,
  metadataPatch,
  renewExpirationRequest,
  renewedExpiration,
  sandboxInfo,
  sandboxPage,
  sandboxParams,
} from './schema.ts';
import type { ListQuery, SandboxPage } from './schema.ts';

/** The port at which clients look for execd in every sandbox; here each has its own. */
const EXECD_PORT = 44772;

const NO_SUCH_SANDBOX: Record<number, ResponseDescription> = { 404: { description: 'No such sandbox' } };

/** The part of the OpenSandbox lifecycle API that the SDKs need to create, find and end sandboxes. */
export function lifecycleRoutes(registry: SandboxRegistry): Route[] {
  return [
    healthRoute(),
    telemetryRoute(),
    createRoute(registry),
    listRoute(registry),
    getRoute(registry),
    deleteRoute(registry),
    metadataRoute(registry),
    renewRoute(registry),
    endpointRoute(registry),
    notOfferedRoute('POST', '/v1/sandboxes/:id/pause', 'pausing a sandbox'),
    notOfferedRoute('POST', '/v1/sandboxes/:id/resume', 'resuming a sandbox'),
    notOfferedRoute('POST', '/v1/sandboxes/:id/snapshots', 'taking a snapshot'),
    notOfferedRoute('GET', '/v1/snapshots', 'listing snapshots'),
  ];
}

function healthRoute(): Route {
  return route({
    method: 'GET',
    path: '/health',
    tag: 'Health',
    summary: 'Answers when the server does',
    responses: { 200: { description: 'Up' } },
    handle: () => json({ status: 'healthy' }),
  });
}

function telemetryRoute(): Route {
  return route({
    method: 'POST',
    path: '/v1/metrics/events',
    tag: 'Health',
    summary: 'What SDKs report about their creates; dropped',
    responses: { 204: { description: 'Dropped' } },
    handle: () => noContent,
  });
}

function createRoute(registry: SandboxRegistry): Route {
  return route({
    method: 'POST',
    path: '/v1/sandboxes',
    tag: 'Sandboxes',
    summary: 'Start an execd in a scratch directory of its own',
    body: body(createSandboxRequest),
    responses: { 202: { description: 'It runs', schema: sandboxInfo }, 400: { description: 'Not valid' } },
    async handle({ body: request, note }) {
      if (request.snapshotId !== undefined) throw notOffered('starting from a snapshot');
      const sandbox = await registry.create(request);
      note({ sandbox: sandbox.id });
      return json(sandbox.info(), 202);
    },
  });
}

function listRoute(registry: SandboxRegistry): Route {
  return route({
    method: 'GET',
    path: '/v1/sandboxes',
    tag: 'Sandboxes',
    summary: 'List sandboxes, newest first',
    query: listQuery,
    responses: { 200: { description: 'One page', schema: sandboxPage }, 400: { description: 'Bad query' } },
    handle: ({ query }) => json(pageOf(registry.list(), query)),
  });
}

function pageOf(sandboxes: readonly Sandbox[], { state, metadata, page, pageSize }: ListQuery): SandboxPage {
  const matching = sandboxes.filter(
    (sandbox) =>
      (state === undefined || state.includes(sandbox.state)) &&
      metadata.every(([key, value]) => sandbox.metadata[key] === value),
  );
  const totalPages = Math.ceil(matching.length / pageSize);
  return {
    items: matching.slice((page - 1) * pageSize, page * pageSize).map((sandbox) => sandbox.info()),
    pagination: { page, pageSize, totalItems: matching.length, totalPages, hasNextPage: page < totalPages },
  };
}

function getRoute(registry: SandboxRegistry): Route {
  return route({
    method: 'GET',
    path: '/v1/sandboxes/:id',
    tag: 'Sandboxes',
    summary: 'One sandbox',
    params: sandboxParams,
    responses: { 200: { description: 'Its state', schema: sandboxInfo }, ...NO_SUCH_SANDBOX },
    handle: ({ params: { id } }) => json(registry.require(id).info()),
  });
}

function deleteRoute(registry: SandboxRegistry): Route {
  return route({
    method: 'DELETE',
    path: '/v1/sandboxes/:id',
    tag: 'Sandboxes',
    summary: 'End a sandbox',
    description: 'Answers when its execd has ended and its directory is gone.',
    params: sandboxParams,
    responses: { 204: { description: 'Gone' }, ...NO_SUCH_SANDBOX },
    async handle({ params: { id } }) {
      await registry.delete(id);
      return noContent;
    },
  });
}

function metadataRoute(registry: SandboxRegistry): Route {
  return route({
    method: 'PATCH',
    path: '/v1/sandboxes/:id/metadata',
    tag: 'Sandboxes',
    summary: 'Change metadata',
    params: sandboxParams,
    body: body(metadataPatch),
    responses: { 200: { description: 'The sandbox', schema: sandboxInfo }, ...NO_SUCH_SANDBOX },
    handle({ params: { id }, body: patch }) {
      const sandbox = registry.require(id);
      sandbox.patchMetadata(patch);
      return json(sandbox.info());
    },
  });
}

function renewRoute(registry: SandboxRegistry): Route {
  return route({
    method: 'POST',
    path: '/v1/sandboxes/:id/renew-expiration',
    tag: 'Sandboxes',
    summary: 'Move the time at which a sandbox is ended',
    params: sandboxParams,
    body: body(renewExpirationRequest),
    responses: {
      200: { description: 'The new time', schema: renewedExpiration },
      400: { description: 'Not a time to come' },
      409: { description: 'The sandbox is not running' },
      ...NO_SUCH_SANDBOX,
    },
    handle({ params: { id }, body: { expiresAt } }) {
      registry.renew(id, expiresAt);
      return json({ expiresAt: expiresAt.toISOString() });
    },
  });
}

function endpointRoute(registry: SandboxRegistry): Route {
  return route({
    method: 'GET',
    path: '/v1/sandboxes/:id/endpoints/:port',
    tag: 'Sandboxes',
    summary: 'Where a port of a sandbox can be reached',
    params: endpointParams,
    query: endpointQuery,
    responses: {
      200: { description: 'Host and port', schema: endpoint },
      409: { description: 'The sandbox is not running' },
      ...NO_SUCH_SANDBOX,
    },
    handle({ params: { id, port }, query: { expires } }) {
      if (expires !== undefined) throw notOffered('a signed endpoint');
      const { execdPort } = registry.require(id);
      return json({ endpoint: `127.0.0.1:${port === EXECD_PORT ? execdPort : port}` });
    },
  });
}

function notOfferedRoute(method: Method, path: string, what: string): Route {
  return route({
    method,
    path,
    tag: 'Not offered',
    summary: `An honest answer to ${what}`,
    responses: { 501: { description: 'dev-pod does not do that' } },
    handle() {
      throw notOffered(what);
    },
  });
}

function notOffered(what: string): ServiceError {
  return new ServiceError(
    'unsupported',
    'NOT_SUPPORTED',
    `${what} is not offered by dev-pod, a development tool`,
  );
}

function body<T>(schema: ZodType<T>): BodyReader<T> {
  return jsonBody(schema, { parse: 'invalid request body: ', validation: 'invalid request body: ' });
}

const noContent: Reply = (response) => {
  response.writeHead(204);
  response.end();
};
