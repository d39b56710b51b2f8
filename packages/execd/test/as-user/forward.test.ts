import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { chmod } from 'node:fs/promises';
import type { ClientRequest } from 'node:http';
import { createConnection } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { beforeEach, expect, test } from 'vitest';
import {
  peakMemory,
  rawRequest,
  startActingProcess,
  startActingServer,
  textOf,
  workersOf,
} from '../support/acting-server.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { until } from '../support/until.ts';

const UID = 54_321;
const AS = `uid=${UID}`;
const MB = 1_024 * 1_024;

beforeEach(({ skip }) => {
  skip(process.geteuid?.() !== 0, 'only root can act as somebody else');
});

/** A directory in which everybody may write. */
async function sharedDirectory() {
  const directory = await temporaryDirectory();
  await chmod(directory.path, 0o777);
  return directory;
}

test('200 MB go up and down at the pace of the reader, in little memory', async () => {
  await using server = await startActingProcess();
  const warm = await server.request('PUT', `/count?${AS}`, { body: 'x' });
  expect(await warm.json()).toMatchObject({ bytes: 1 });
  const pids = [server.pid, ...workersOf(server.pid)];
  expect(pids).toHaveLength(2);
  const before = pids.map(peakMemory);

  const chunk = new Uint8Array(64 * 1_024);
  let sent = 0;
  const body = new ReadableStream({
    type: 'bytes',
    pull(controller) {
      sent += chunk.length;
      controller.enqueue(chunk.slice());
      if (sent >= 200 * MB) controller.close();
    },
  });
  const up = await server.request('PUT', `/count?${AS}`, { body, duplex: 'half' });
  expect(await up.json()).toMatchObject({ bytes: 200 * MB });

  const down = await server.request('GET', `/bytes?${AS}&count=${200 * MB}`);
  expect(down.headers.get('content-length')).toBe(String(200 * MB));
  let received = 0;
  for await (const part of down.body ?? []) received += part.length;
  expect(received).toBe(200 * MB);
  for (const [index, pid] of pids.entries()) expect(peakMemory(pid) - (before[index] ?? 0)).toBeLessThan(120);
});

test('a client that does not read stops the worker, which writes only what fits on the way', async () => {
  await using server = await startActingProcess();
  await server.whoAmI(AS);
  const pids = [server.pid, ...workersOf(server.pid)];
  const before = pids.map(peakMemory);
  const { request, answer } = rawRequest(`${server.url}/zeros?${AS}`, {});
  request.end();
  const incoming = await answer;
  incoming.pause();
  const written = () => Number(/wchar: (\d+)/.exec(readFileSync(`/proc/${pids[1]}/io`, 'utf8'))?.[1]);
  // It has stopped when it wrote nothing between two looks.
  let last = -1;
  await until(() => {
    const now = written();
    const isStill = now === last && now > 100_000;
    last = now;
    return isStill;
  });
  for (const [index, pid] of pids.entries()) expect(peakMemory(pid) - (before[index] ?? 0)).toBeLessThan(120);
  expect(last).toBeLessThan(50 * MB);
  request.destroy();
});

test('a worker that does not read stops the client', async () => {
  await using server = await startActingServer();
  const { request } = rawRequest(`${server.url}/never?${AS}`, {
    headers: { 'transfer-encoding': 'chunked' },
  });
  request.on('error', () => undefined);
  const chunk = Buffer.alloc(MB);
  let accepted = 0;
  while (accepted < 200 && (request.write(chunk) || (await drainedSoon(request)))) accepted += 1;
  expect(accepted).toBeLessThan(50);
  request.destroy();
});

/** False when nothing moves for a while, in turns of the event loop that does the moving. */
async function drainedSoon(request: ClientRequest): Promise<boolean> {
  for (let turn = 0; turn < 20_000 && request.writableNeedDrain; turn += 1) await nextTurn();
  return !request.writableNeedDrain;
}

test('a client that leaves in the middle of an upload ends it in the worker, which undoes it', async () => {
  await using directory = await sharedDirectory();
  await using server = await startActingServer();
  const path = `${directory.path}/upload`;
  const { request } = rawRequest(`${server.url}/file?${AS}&path=${path}`, {
    method: 'PUT',
    headers: { 'content-length': 1_000_000 },
  });
  request.on('error', () => undefined);
  request.write('the beginning');
  await until(() => existsSync(path) && readFileSync(path, 'utf8') === 'the beginning');
  request.destroy();
  await until(() => existsSync(`${path}.undone`));
  expect(existsSync(path)).toBe(false);
});

test('a client that leaves before the answer ends the request in the worker', async () => {
  await using directory = await sharedDirectory();
  await using server = await startActingServer();
  const path = `${directory.path}/waiting`;
  const { request } = rawRequest(`${server.url}/never?${AS}&path=${path}`, {});
  request.on('error', () => undefined).end();
  await until(() => existsSync(path));
  request.destroy();
  await until(() => !existsSync(path));
  expect((await server.whoAmI(AS)).uid).toBe(UID);
});

test('events come one by one while the stream is open, and leaving it ends it in the worker', async () => {
  await using directory = await sharedDirectory();
  await using server = await startActingServer();
  const path = `${directory.path}/left`;
  const response = await server.request('GET', `/events?${AS}&path=${path}`);
  expect(response.headers.get('content-type')).toBe('text/event-stream');
  const reader = response.body?.getReader();
  const { value } = (await reader?.read()) ?? {};
  expect(Buffer.from(value ?? []).toString()).toBe('data: first\n\n');
  expect(existsSync(path)).toBe(false);
  await reader?.cancel();
  await until(() => existsSync(path));
});

test('a worker killed before it answers is a 503, and the next request gets another', async () => {
  await using directory = await sharedDirectory();
  await using server = await startActingServer();
  const path = `${directory.path}/pid`;
  const pending = server.request('GET', `/never?${AS}&path=${path}`);
  await until(() => existsSync(path) && readFileSync(path, 'utf8') !== '');
  const pid = Number(readFileSync(path, 'utf8'));
  process.kill(pid, 'SIGKILL');
  const response = await pending;
  expect(response.status).toBe(503);
  expect(await response.json()).toEqual({
    code: 'SERVICE_UNAVAILABLE',
    message: expect.stringContaining('the file worker failed'),
  });
  const who = await server.whoAmI(AS);
  expect(who.uid).toBe(UID);
  expect(who.pid).not.toBe(pid);
  await until(() => server.lines.some(({ msg }) => msg === 'a file worker ended by itself'));
  expect(server.lines).toContainEqual(expect.objectContaining({ uid: UID, ending: 'signal SIGKILL' }));
});

test('a worker killed while it answers cuts the connection, and the next request gets another', async () => {
  await using server = await startActingServer();
  const { pid } = await server.whoAmI(AS);
  const response = await server.request('GET', `/zeros?${AS}`);
  const reader = response.body?.getReader();
  await reader?.read();
  process.kill(pid, 'SIGKILL');
  await expect(
    (async () => {
      while (!(await reader?.read())?.done);
    })(),
  ).rejects.toThrow();
  expect((await server.whoAmI(AS)).pid).not.toBe(pid);
});

test('an idle worker that was killed is replaced', async () => {
  await using server = await startActingServer();
  const { pid } = await server.whoAmI(AS);
  process.kill(pid, 'SIGKILL');
  await until(() => !workersOf().includes(pid));
  expect((await server.whoAmI(AS)).pid).not.toBe(pid);
});

test('an answer that the worker cuts is cut, and costs no worker', async () => {
  await using server = await startActingServer();
  const { pid } = await server.whoAmI(AS);
  const response = await server.request('GET', `/cut?${AS}`);
  await expect(response.text()).rejects.toThrow();
  expect((await server.whoAmI(AS)).pid).toBe(pid);
});

test('errors of the worker are answers; a bug in it is also in our log', async () => {
  await using server = await startActingServer();
  const refused = await server.request('PUT', `/refuse?${AS}`);
  expect(refused.status).toBe(413);
  expect(await refused.json()).toEqual({ code: 'BODY_TOO_LARGE', message: 'not read at all', most: 1 });
  const bug = await server.request('GET', `/bug?${AS}`);
  expect(bug.status).toBe(500);
  expect(await bug.json()).toEqual({ code: 'RUNTIME_ERROR', message: 'a bug in the worker' });
  await until(() => server.lines.some(({ msg }) => msg === 'a file worker reports'));
  const report = server.lines.find(({ msg }) => msg === 'a file worker reports');
  expect(report).toMatchObject({ uid: UID, text: expect.stringContaining('TypeError: a bug in the worker') });
  const line = server.lines.find(({ url }) => url === `/bug?${AS}`);
  expect(line).toMatchObject({ status: 500, uid: UID, gid: 0 });
});

test('an answer that comes before the body leaves the connection usable', async () => {
  await using server = await startActingServer();
  await server.whoAmI(AS);
  const socket = createConnection(Number(new URL(server.url).port), '127.0.0.1');
  let text = '';
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  const body = 'x'.repeat(1_000_000);
  socket.write(`PUT /refuse?${AS} HTTP/1.1\r\nHost: h\r\nContent-Length: ${body.length}\r\n\r\n`);
  await until(() => text.includes('BODY_TOO_LARGE'));
  socket.write(body);
  socket.write(`GET /whoami?${AS} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n`);
  await once(socket, 'close');
  expect(text).toContain(`"uid":${UID}`);
});

test('headers pass both ways, but for those of the connection and the access token', async () => {
  await using server = await startActingServer();
  const { request, answer } = rawRequest(`${server.url}/whoami?${AS}`, {
    method: 'POST',
    headers: {
      'x-execd-access-token': 'at-secret',
      'x-one': ['1', '2'],
      'x-latin': 'caf\u00e9',
      'x-hop': 'hop',
      connection: 'close, X-Hop',
      'keep-alive': 'timeout=1',
      te: 'trailers',
      'content-length': 0,
    },
  });
  request.end();
  const incoming = await answer;
  const { headers, method } = JSON.parse(await textOf(incoming)) as {
    headers: Record<string, string>;
    method: string;
  };
  expect(method).toBe('POST');
  expect(headers).toMatchObject({
    host: new URL(server.url).host,
    'x-one': '1, 2',
    'x-latin': 'caf\u00e9',
    'content-length': '0',
  });
  for (const name of ['x-execd-access-token', 'x-hop', 'keep-alive', 'te', 'transfer-encoding'])
    expect(headers).not.toHaveProperty(name);
  expect(incoming.headers.connection).toBe('close');
  const bytes = await server.request('GET', `/bytes?${AS}&count=3`);
  expect(Object.fromEntries(bytes.headers)).toMatchObject({ 'content-length': '3', 'x-probe': 'one, two' });
  expect(await bytes.text()).toBe('xxx');
});

test.each(['GET', 'POST', 'DELETE'])('%s without a body stays without one', async (method) => {
  await using server = await startActingServer();
  const { request, answer } = rawRequest(`${server.url}/whoami?${AS}`, { method });
  request.removeHeader('transfer-encoding');
  request.end();
  const who = JSON.parse(await textOf(await answer)) as { method: string; headers: Record<string, string> };
  expect(who.method).toBe(method);
  expect(who.headers).not.toHaveProperty('transfer-encoding');
});

test('Expect: 100-continue is answered, and the body passes', async () => {
  await using server = await startActingServer();
  const { request, answer } = rawRequest(`${server.url}/count?${AS}`, {
    method: 'PUT',
    headers: { expect: '100-continue', 'content-length': 5 },
  });
  request.flushHeaders();
  await once(request, 'continue');
  request.end('12345');
  expect(JSON.parse(await textOf(await answer))).toMatchObject({ bytes: 5 });
});

test('trailers pass both ways', async () => {
  await using server = await startActingServer();
  const up = rawRequest(`${server.url}/count?${AS}`, { method: 'PUT', headers: { trailer: 'X-Sum' } });
  up.request.write('12345');
  up.request.addTrailers({ 'X-Sum': 'five' });
  up.request.end();
  expect(JSON.parse(await textOf(await up.answer))).toEqual({ bytes: 5, trailers: { 'x-sum': 'five' } });
  const down = rawRequest(`${server.url}/trailers?${AS}`, {});
  down.request.end();
  const incoming = await down.answer;
  expect(await textOf(incoming)).toBe('body');
  expect(incoming.headers.trailer).toBe('X-Checksum');
  expect(incoming.trailers).toEqual({ 'x-checksum': 'abc' });
});

test('a client of HTTP/1.0 gets an answer without chunks and without trailers', async () => {
  await using server = await startActingServer();
  const socket = createConnection(Number(new URL(server.url).port), '127.0.0.1');
  socket.write(`GET /trailers?${AS} HTTP/1.0\r\n\r\n`);
  const text = await textOf(socket);
  expect(text).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  expect(text).toMatch(/\r\n\r\nbody$/);
  expect(text.toLowerCase()).not.toContain('trailer');
});

test('many requests share a few connections to the worker', async () => {
  await using server = await startActingServer();
  await server.whoAmI(AS);
  const answers = await Promise.all(Array.from({ length: 60 }, () => server.whoAmI(AS)));
  expect(new Set(answers.map(({ pid }) => pid)).size).toBe(1);
});
