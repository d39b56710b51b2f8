import { get } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { once } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, expect, test, vi } from 'vitest';
import { serverSentEvents } from '../../src/http/server-sent-events.ts';
import { serveReply } from '../support/http-server.ts';
import { until } from '../support/until.ts';

afterEach(() => void vi.useRealTimers());

async function open(url: string): Promise<IncomingMessage> {
  const [response] = (await once(get(url, { agent: false }), 'response')) as [IncomingMessage];
  return response.setEncoding('utf8');
}

test('each text is one event, and the stream ends with its source', async () => {
  await using server = await serveReply(() =>
    serverSentEvents(async function* () {
      yield ['{"a":1}', '{"b":"\u2028\u0085"}'];
      await nextTurn();
      yield ['{"c":2}'];
    }),
  );
  const response = await fetch(server.url, { headers: { connection: 'close' } });
  expect(response.headers.get('content-type')).toBe('text/event-stream');
  expect(await response.text()).toBe('data: {"a":1}\n\ndata: {"b":"\\u2028\\u0085"}\n\ndata: {"c":2}\n\n');
});

test('a failure before the first event is an error answer, a later one cuts the connection', async () => {
  await using early = await serveReply(() =>
    // oxlint-disable-next-line require-yield
    serverSentEvents(async function* () {
      throw new Error('too early');
    }),
  );
  const response = await fetch(early.url, { headers: { connection: 'close' } });
  expect([response.status, await response.json()]).toEqual([
    500,
    { code: 'RUNTIME_ERROR', message: 'too early' },
  ]);
  const answered = new AbortController();
  await using late = await serveReply(() =>
    serverSentEvents(async function* () {
      yield ['{}'];
      await once(answered.signal, 'abort');
      throw new Error('too late');
    }),
  );
  const cut = await fetch(late.url, { headers: { connection: 'close' } });
  answered.abort();
  await expect(cut.text()).rejects.toThrow('terminated');
});

test('a comment every 15 s keeps the connection awake', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  const over = new AbortController();
  await using server = await serveReply(() =>
    serverSentEvents(async function* () {
      yield ['{}'];
      await once(over.signal, 'abort');
    }),
  );
  const response = await open(server.url);
  let text = '';
  response.on('data', (part: string) => (text += part));
  await until(() => text === 'data: {}\n\n');
  vi.advanceTimersByTime(15_000);
  await until(() => text === 'data: {}\n\n: ping\n\n');
  vi.advanceTimersByTime(30_000);
  await until(() => text === 'data: {}\n\n: ping\n\n: ping\n\n: ping\n\n');
  over.abort();
  await once(response, 'end');
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

test('the signal aborts when the client leaves', async () => {
  const left = new AbortController();
  await using server = await serveReply(() =>
    serverSentEvents(async function* (signal) {
      yield ['{}'];
      await once(signal, 'abort');
      left.abort();
    }),
  );
  const response = await open(server.url);
  response.destroy();
  await until(() => left.signal.aborted);
});
