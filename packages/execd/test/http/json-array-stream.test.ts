import { setImmediate as nextTurn } from 'node:timers/promises';
import { ServiceError } from '@pod-agent/daemon-kit/service-error';
import { expect, test } from 'vitest';
import { jsonArrayStream } from '../../src/http/json-array-stream.ts';
import type { ElementWriter } from '../../src/http/json-array-stream.ts';
import { serveReply } from '../support/http-server.ts';
import type { HttpServer } from '../support/http-server.ts';
import { getAndStall, getWhole, readToEnd } from '../support/raw-http.ts';
import { until } from '../support/until.ts';

/** A string of 1 MiB as JSON. */
const MEBIBYTE = JSON.stringify('x'.repeat(1024 * 1024 - 2));

interface Progress {
  skipped: number;
  truncated: boolean;
}

type Produce = (write: ElementWriter, signal: AbortSignal, progress: Progress) => Promise<void>;

/** A server whose only array is made like this. */
function serve(produce: Produce): Promise<HttpServer> {
  return serveReply(() => {
    const source = {
      skipped: 0,
      truncated: false,
      produce: (write: ElementWriter, signal: AbortSignal) => produce(write, signal, source),
    };
    return jsonArrayStream(source);
  });
}

test.each([
  { elements: [], body: '[]' },
  { elements: ['1'], body: '[1]' },
  { elements: ['{"name":"ä€😀"}', 'null', '"two"'], body: '[{"name":"ä€😀"},null,"two"]' },
])('an array of $elements.length elements goes out whole, with its length', async ({ elements, body }) => {
  await using server = await serve(async (write) => {
    for (const element of elements) await write(element);
  });
  const answer = await getWhole(server.url);
  expect(answer.body).toBe(body);
  expect(answer.headers).toMatchObject({
    'content-type': 'application/json; charset=utf-8',
    'content-length': String(Buffer.byteLength(body)),
    'execd-files-skipped': '0',
  });
  expect(answer.headers).not.toHaveProperty('execd-files-truncated');
});

test('the headers of a whole array tell how all of it went', async () => {
  await using server = await serve(async (write, _signal, progress) => {
    await write('1');
    progress.skipped = 7;
    progress.truncated = true;
  });
  const { headers } = await getWhole(server.url);
  expect(headers).toMatchObject({ 'execd-files-skipped': '7', 'execd-files-truncated': 'true' });
  expect(headers).not.toHaveProperty('trailer');
});

test('an array above 16 MiB is streamed: counts so far in the headers, final ones in the trailers', async () => {
  await using server = await serve(async (write, _signal, progress) => {
    progress.skipped = 1;
    for (let index = 0; index < 20; index += 1) await write(MEBIBYTE);
    progress.skipped = 2;
    progress.truncated = true;
  });
  const answer = await getWhole(server.url);
  expect(answer.headers).toMatchObject({
    'execd-files-skipped': '1',
    trailer: 'EXECD-FILES-SKIPPED, EXECD-FILES-TRUNCATED',
  });
  expect(answer.trailers).toEqual({ 'execd-files-skipped': '2', 'execd-files-truncated': 'true' });
  expect(JSON.parse(answer.body)).toHaveLength(20);
});

test('a client of HTTP/1.0 gets a long array without trailers', async () => {
  await using server = await serve(async (write) => {
    for (let index = 0; index < 20; index += 1) await write(MEBIBYTE);
  });
  const answer = await readToEnd(await getAndStall(server.url, '1.0'));
  const body = answer.slice(answer.indexOf('\r\n\r\n') + 4);
  expect(answer.slice(0, 500)).not.toContain('Trailer');
  expect(JSON.parse(body)).toHaveLength(20);
});

test('a failure before 16 MiB is an ordinary error answer', async () => {
  await using server = await serve(async (write) => {
    await write('1');
    throw new ServiceError('permission-denied', 'PERMISSION_DENIED', 'no');
  });
  const { status, body } = await getWhole(server.url);
  expect([status, JSON.parse(body)]).toEqual([403, { code: 'PERMISSION_DENIED', message: 'no' }]);
});

test('a failure behind 16 MiB cuts the connection', async () => {
  await using server = await serve(async (write) => {
    for (let index = 0; index < 20; index += 1) await write(MEBIBYTE);
    throw new ServiceError('internal', 'RUNTIME_ERROR', 'late');
  });
  await expect(getWhole(server.url)).rejects.toThrow('aborted');
});

test('a client that does not read holds its source up, and ends it when it leaves', async () => {
  let written = 0;
  let reason: unknown;
  await using server = await serve(async (write, signal) => {
    for (; !signal.aborted; written += 1) {
      await write(MEBIBYTE);
      await nextTurn();
    }
    reason = signal.reason;
    throw signal.reason;
  });
  const socket = await getAndStall(server.url);
  await until(() => written >= 15);
  const before = await settled(() => written);
  // What the sockets of the system hold, and not more.
  expect(before).toBeLessThan(64);
  socket.destroy();
  await until(() => reason !== undefined);
  expect(reason).toEqual(new Error('the client left'));
});

/** The value when it has not changed for a hundred turns of the event loop. */
async function settled(value: () => number): Promise<number> {
  for (let last = value(), same = 0; ;) {
    await nextTurn();
    same = value() === last ? same + 1 : 0;
    last = value();
    if (same > 100) return last;
  }
}
