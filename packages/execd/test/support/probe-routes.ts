import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { open, readFile, rm, writeFile } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { json } from '@pod-agent/daemon-kit/http/reply';
import { route } from '@pod-agent/daemon-kit/http/route';
import type { Route } from '@pod-agent/daemon-kit/http/route';
import { ServiceError } from '@pod-agent/daemon-kit/service-error';
import { z } from 'zod';
import { rawBody } from '../../src/http/raw-body.ts';
import { fileFailure } from '../../src/filesystem/file-failure.ts';

const described = { tag: 'Probe', summary: 'For tests', hot: true, responses: {} };
const pathQuery = z.object({ path: z.string() });
const CHUNK = Buffer.alloc(64 * 1024, 'x');

/** What GET /whoami tells of the process that answers. */
export interface WhoAmI {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
  readonly effective: readonly number[];
  readonly groups: readonly number[];
  readonly environment: Readonly<Record<string, string>>;
  readonly arguments: readonly string[];
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string | string[]>>;
}

/** Endpoints that do real things as whoever they run as. */
export function probeRoutes(): Route[] {
  return [
    whoAmI('GET'),
    whoAmI('POST'),
    whoAmI('DELETE'),
    readRoute(),
    writeRoute(),
    ...streamRoutes(),
    ...failingRoutes(),
  ];
}

function whoAmI(method: 'GET' | 'POST' | 'DELETE'): Route {
  return route({
    ...described,
    method,
    path: '/whoami',
    handle: ({ request }) =>
      json({
        pid: process.pid,
        uid: process.getuid?.(),
        gid: process.getgid?.(),
        effective: [process.geteuid?.(), process.getegid?.()],
        groups: process.getgroups?.(),
        environment: process.env,
        arguments: process.argv.slice(2),
        method: request.method,
        url: request.url,
        headers: request.headers,
      }),
  });
}

function readRoute(): Route {
  return route({
    ...described,
    method: 'GET',
    path: '/file',
    query: pathQuery,
    async handle({ query: { path } }) {
      const text = await readFile(path, 'utf8').catch((error: unknown) => {
        throw fileFailure(error, 'error reading');
      });
      return json({ text });
    },
  });
}

/** Leaves nothing behind when the body does not come to its end, and says so in another file. */
function writeRoute(): Route {
  return route({
    ...described,
    method: 'PUT',
    path: '/file',
    query: pathQuery,
    body: rawBody(),
    async handle({ query: { path }, body }) {
      try {
        await using file = await open(path, 'w');
        for await (const chunk of body) await file.write(chunk);
      } catch (error) {
        await rm(path, { force: true });
        await writeFile(`${path}.undone`, String(error)).catch(() => undefined);
        throw fileFailure(error, 'error writing');
      }
      return json({ written: path });
    },
  });
}

function streamRoutes(): Route[] {
  return [
    route({
      ...described,
      method: 'PUT',
      path: '/count',
      body: rawBody(),
      async handle({ body, request }) {
        let bytes = 0;
        for await (const chunk of body) bytes += chunk.length;
        return json({ bytes, trailers: request.trailers });
      },
    }),
    route({
      ...described,
      method: 'GET',
      path: '/bytes',
      query: z.object({ count: z.coerce.number() }),
      handle:
        ({ query: { count } }) =>
        async (response) => {
          response.writeHead(200, { 'Content-Length': count, 'X-Probe': ['one', 'two'] });
          await pipeline(manyBytes(count), response);
        },
    }),
    route({
      ...described,
      method: 'GET',
      path: '/zeros',
      handle: () => async (response) => {
        await pipeline(createReadStream('/dev/zero'), response);
      },
    }),
    route({
      ...described,
      method: 'GET',
      path: '/events',
      query: pathQuery,
      handle:
        ({ query: { path } }) =>
        async (response) => {
          response.writeHead(200, { 'Content-Type': 'text/event-stream' });
          response.flushHeaders();
          const closed = once(response, 'close');
          response.write('data: first\n\n');
          await closed;
          await writeFile(path, 'the reader left');
        },
    }),
    route({
      ...described,
      method: 'GET',
      path: '/trailers',
      handle: () => (response) => {
        response.writeHead(200, { Trailer: 'X-Checksum' });
        response.write('body');
        response.addTrailers({ 'X-Checksum': 'abc' });
        response.end();
      },
    }),
  ];
}

function* manyBytes(count: number): Generator<Buffer> {
  for (let left = count; left > 0; left -= CHUNK.length)
    yield left < CHUNK.length ? CHUNK.subarray(0, left) : CHUNK;
}

function failingRoutes(): Route[] {
  return [
    route({
      ...described,
      method: 'GET',
      path: '/never',
      query: z.object({ path: z.string().optional() }),
      handle:
        ({ query: { path } }) =>
        async (response) => {
          const closed = once(response, 'close');
          if (path !== undefined) await writeFile(path, String(process.pid));
          await closed;
          if (path !== undefined) await rm(path, { force: true });
        },
    }),
    route({
      ...described,
      method: 'PUT',
      path: '/refuse',
      handle() {
        throw new ServiceError('too-large', 'BODY_TOO_LARGE', 'not read at all', { details: { most: 1 } });
      },
    }),
    route({
      ...described,
      method: 'GET',
      path: '/cut',
      handle: () => async (response) => {
        response.writeHead(200, { 'Content-Length': 1_000_000 });
        await new Promise((resolve) => {
          response.write('the beginning', resolve);
        });
        response.destroy();
      },
    }),
    route({
      ...described,
      method: 'GET',
      path: '/bug',
      handle() {
        throw new TypeError('a bug in the worker');
      },
    }),
  ];
}
