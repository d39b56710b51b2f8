import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { listen } from '../../src/http/listen.ts';

function start(graceMs = 50) {
  return listen({ host: '127.0.0.1', port: 0, graceMs }, (request, response) => {
    if (request.url !== '/open') response.end('ok');
  });
}

/** Sends these bytes and returns everything that comes until the server closes the connection. */
async function exchange(port: number, bytes: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.end(bytes);
  let answer = '';
  for await (const chunk of socket) answer += String(chunk);
  return answer;
}

async function connected(port: number, bytes: string): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined).resume();
  await once(socket, 'connect');
  if (bytes !== '') socket.write(bytes);
  return socket;
}

test.each(['nonsense\r\n\r\n', 'GET / HTTP/9.9\r\n\r\n', 'POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n'])(
  'contract §1.2: the malformed request %j gets 400 with a JSON body',
  async (bytes) => {
    await using server = await start();
    const [head = '', body = ''] = (await exchange(server.port, bytes)).split('\r\n\r\n');
    expect(head).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
    expect(head).toContain(`Content-Length: ${Buffer.byteLength(body)}`);
    expect(JSON.parse(body)).toEqual({
      code: 'INVALID_REQUEST',
      message: expect.stringMatching(/^malformed HTTP request: ./),
    });
  },
);

test('contract §19: 900 KB of headers pass, more than 1 MiB get 431 with a JSON body', async () => {
  await using server = await start();
  const request = (size: number) =>
    exchange(server.port, `GET / HTTP/1.1\r\nConnection: close\r\nX: ${'x'.repeat(size)}\r\n\r\n`);
  expect(await request(900_000)).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  const [head = '', body = ''] = (await request(1_100_000)).split('\r\n\r\n');
  expect(head).toMatch(/^HTTP\/1\.1 431 /);
  expect(JSON.parse(body)).toEqual({
    code: 'INVALID_REQUEST',
    message: 'request headers exceed 1048576 bytes',
  });
});

test.each([
  { name: 'that has been served', bytes: 'GET / HTTP/1.1\r\nHost: x\r\n\r\n' },
  { name: 'that never sent a request', bytes: '' },
  { name: 'whose answer is still open', bytes: 'GET /open HTTP/1.1\r\nHost: x\r\n\r\n' },
])('disposing ends, and closes a connection $name', async ({ bytes }) => {
  const server = await start();
  const socket = await connected(server.port, bytes);
  const closed = once(socket, 'close');
  await server[Symbol.asyncDispose]();
  await closed;
  expect(socket.destroyed).toBe(true);
});

test('after it stopped accepting, nobody gets in, and disposing still ends', async () => {
  await using server = await start();
  server.stopAccepting();
  server.stopAccepting();
  await expect(exchange(server.port, '')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
});

test('a port that is taken is the error of the system', async () => {
  await using server = await start();
  const second = listen({ host: '127.0.0.1', port: server.port, graceMs: 0 }, () => undefined);
  await expect(second).rejects.toMatchObject({ code: 'EADDRINUSE' });
});
