import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { parseEvents, startExecd, texts } from '../support/execd.ts';
import type { Execd } from '../support/execd.ts';
import { startListening } from '../support/execd-process.ts';

/** Sends the request and then reads nothing. */
async function stall(url: string, body: Record<string, unknown>): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  await once(socket, 'connect');
  socket.pause();
  const text = JSON.stringify(body);
  socket.write(
    `POST /command HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: ${text.length}\r\n\r\n${text}`,
  );
  return socket;
}

async function onlyCommand(execd: Pick<Execd, 'request'>): Promise<{ state: string; id: string }> {
  const response = await execd.request('GET', '/command');
  const { commands } = (await response.json()) as { commands: { state: string; id: string }[] };
  return commands[0] ?? { state: 'none', id: '' };
}

test('a client that does not read holds nothing up and still gets every line', async () => {
  await using execd = await startExecd();
  const socket = await stall(execd.url, { command: 'seq 1 300000' });
  while ((await onlyCommand(execd)).state !== 'finished') await delay(20);
  expect(texts(await execd.run({ command: 'echo meanwhile' }))).toEqual(['meanwhile']);
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.resume();
  await once(socket, 'close');
  const body = Buffer.concat(chunks)
    .toString()
    .replace(/^[\s\S]*?\r\n\r\n/, '')
    .replaceAll(/(?:^|\r\n)[0-9a-f]+\r\n/g, '');
  const numbers = texts(parseEvents(body));
  expect(numbers).toHaveLength(300_000);
  expect(numbers.every((text, index) => text === String(index + 1))).toBe(true);
});

test('a client that does not read does not make the daemon grow', async () => {
  await using execd = await startListening();
  const memory = () =>
    Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${execd.pid}/status`, 'utf8'))?.[1]) / 1024;
  const before = memory();
  const socket = await stall(execd.url, { command: `yes ${'x'.repeat(199)} | head -c 300000000` });
  const request = (method: string, path: string) =>
    fetch(execd.url + path, { method, headers: { connection: 'close' } });
  while ((await onlyCommand({ request })).state !== 'finished') await delay(50);
  socket.destroy();
  // 300 MB went by; the bound is far from that and far from noise.
  expect(memory() - before).toBeLessThan(150);
});

test('contract §2.6: a client that leaves takes its pings along, not the command', async () => {
  await using execd = await startExecd();
  const socket = await stall(execd.url, { command: 'sleep 0.2; echo done' });
  while ((await onlyCommand(execd)).state !== 'running') await delay(5);
  socket.destroy();
  const { id } = await onlyCommand(execd);
  const events = parseEvents(await (await execd.request('GET', `/command/${id}/events`)).text());
  expect(texts(events)).toEqual(['done']);
  expect(events.at(-1)?.type).toBe('execution_complete');
});

test('streams that run at the same time never get bytes of each other', async () => {
  await using execd = await startExecd();
  const words = Array.from({ length: 20 }, (_, index) => `stream-${index}-${'x'.repeat(index * 7)}`);
  const runs = words.map(async (word, index) => {
    const events = await execd.run({ command: `yes ${word} | head -n ${20_000 + index}` });
    return { word, index, lines: texts(events) };
  });
  for (const { word, index, lines } of await Promise.all(runs)) {
    expect(lines).toHaveLength(20_000 + index);
    expect(lines.every((line) => line === word)).toBe(true);
  }
});

test('a client that falls too far behind is told so, and the command goes on', async () => {
  await using execd = await startExecd(['--output-retention-bytes=4Mi', '--output-backlog-bytes=8Mi']);
  const socket = await stall(execd.url, { command: 'seq 1 6000000; exit 6' });
  while ((await onlyCommand(execd)).state !== 'finished') await delay(20);
  let tail = '';
  socket.on('data', (chunk: Buffer) => (tail = (tail + chunk.toString()).slice(-2_000)));
  socket.resume();
  await once(socket, 'close');
  expect(parseEvents(tail).at(-1)).toMatchObject({ type: 'error', error: { ename: 'OutputLost' } });
  const { id } = await onlyCommand(execd);
  const status = await (await execd.request('GET', `/command/status/${id}`)).json();
  expect(status).toMatchObject({ exit_code: 6, truncated: true });
});
