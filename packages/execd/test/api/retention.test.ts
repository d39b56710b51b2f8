import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { idOf, startExecd } from '../support/execd.ts';
import type { Execd } from '../support/execd.ts';

async function statusCode(execd: Execd, id: string): Promise<number> {
  return (await execd.request('GET', `/command/status/${id}`)).status;
}

test('a finished command is forgotten when its time is up, a running one is not', async () => {
  await using execd = await startExecd(['--output-retention', '100ms']);
  const running = idOf(await execd.run({ command: 'sleep 300', background: true }));
  const finished = idOf(await execd.run({ command: 'echo kept for a while', background: true }));
  while ((await statusCode(execd, finished)) !== 404) await delay(20);
  expect((await execd.request('GET', `/command/${finished}/logs`)).status).toBe(400);
  expect(await statusCode(execd, running)).toBe(200);
  await execd.request('DELETE', `/command?id=${running}`);
});

test('no more finished commands are kept than asked for, the oldest go first', async () => {
  await using execd = await startExecd(['--retained-commands', '2']);
  const ids: string[] = [];
  for (let run = 0; run < 4; run += 1) ids.push(idOf(await execd.run({ command: `exit ${run}` })));
  const codes = await Promise.all(ids.map((id) => statusCode(execd, id)));
  expect(codes).toEqual([404, 404, 200, 200]);
});

test('output goes when all of it takes too much room, the least recently used command first', async () => {
  await using execd = await startExecd(['--output-retention-bytes', '3Mi']);
  const run = async () => idOf(await execd.run({ command: 'head -c 1200000 /dev/zero | tr "\\0" x' }));
  const first = await run();
  const second = await run();
  expect(await statusCode(execd, first)).toBe(200);
  await run();
  while ((await statusCode(execd, second)) !== 404) await delay(10);
  expect(await statusCode(execd, first)).toBe(200);
});
