import { readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { TestContext } from 'vitest';
import { expectPing, rowsOf, startBackground } from '../support/commands.ts';
import { controlGroup } from '../support/control-group.ts';
import type { ControlGroup } from '../support/control-group.ts';
import { idOf, texts } from '../support/execd.ts';
import type { ExecdClient } from '../support/execd-client.ts';
import { startListening } from '../support/execd-process.ts';
import { until } from '../support/until.ts';

/** Another thread of execd or of the launcher may start in between: this many commands fit at the least. */
const ROOM = 4;

/** An execd in which everything that comes with the first command is there, and which may have no more processes. */
async function fullExecd(group: ControlGroup) {
  const execd = await startListening([], process.env, undefined, group.wrapper);
  await execd.run({ command: 'true' });
  await startBackground(execd, { argv: ['true'] });
  group.limit(group.used() + ROOM);
  return execd;
}

function pidsGroup({ skip }: TestContext): ControlGroup {
  return controlGroup('pids') ?? skip('no control group for processes can be made here');
}

interface Refused {
  readonly status: number;
  readonly code: string;
  readonly message: string;
}

/** Starts commands that stay until one is refused. */
async function fill(execd: ExecdClient): Promise<{ ids: string[]; refused: Refused }> {
  const ids: string[] = [];
  for (let attempts = 0; attempts < 3 * ROOM; attempts += 1) {
    const body = { argv: ['sleep', '300'], background: true };
    const response = await execd.request('POST', '/command', body);
    if (response.status !== 200) return { ids, refused: await answerOf(response) };
    const [, id = ''] = /"init","text":"([0-9a-f]{32})"/.exec(await response.text()) ?? [];
    ids.push(id);
  }
  throw new Error('every command found room');
}

async function answerOf(response: Response): Promise<Refused> {
  const { code, message } = (await response.json()) as Omit<Refused, 'status'>;
  return { status: response.status, code, message };
}

async function interrupt(execd: ExecdClient, ids: readonly string[]): Promise<void> {
  for (const id of ids)
    expect((await execd.request('DELETE', `/command?id=${id}`)).status, `interrupt ${id}`).toBe(200);
}

test('no room for a process is 503 with the reason, /ping answers, and room again is a command again', async (context) => {
  await using group = pidsGroup(context);
  await using execd = await fullExecd(group);
  for (let round = 0; round < 3; round += 1) {
    const { ids, refused } = await fill(execd);
    expect(ids.length).toBeGreaterThan(0);
    await expectPing(execd);
    const foreground = await execd.request('POST', '/command', { command: 'true' });
    for (const answer of [refused, await answerOf(foreground)]) {
      expect(answer).toMatchObject({ status: 503, code: 'SERVICE_UNAVAILABLE' });
      expect(answer.message).toMatch(/fork.*resource temporarily unavailable/);
    }
    // What runs is neither lost nor harmed.
    const running = (await rowsOf(execd)).filter(({ state }) => state === 'running');
    expect(running.map(({ id }) => id).sort()).toEqual([...ids].sort());
    await interrupt(execd, ids);
    expect(texts(await execd.run({ argv: ['echo', 'again'] }))).toEqual(['again']);
  }
});

test('what needs no process is served all the while', async (context) => {
  await using group = pidsGroup(context);
  await using execd = await fullExecd(group);
  const { ids } = await fill(execd);
  expect((await execd.request('GET', '/files/info?path=/etc/passwd')).status).toBe(200);
  expect((await execd.request('GET', '/files/download?path=/etc/passwd')).status).toBe(200);
  expect((await execd.request('GET', '/directories/list?path=/etc')).status).toBe(200);
  for (const id of ids) expect((await execd.request('GET', `/command/status/${id}`)).status).toBe(200);
  await expectPing(execd);
  await interrupt(execd, ids);
});

test('a key whose command found no room is free: the same request may try again', async (context) => {
  await using group = pidsGroup(context);
  await using execd = await fullExecd(group);
  const { ids } = await fill(execd);
  const send = () =>
    execd.request('POST', '/command', { argv: ['echo', 'once'] }, { headers: { 'idempotency-key': 'k' } });
  expect((await send()).status).toBe(503);
  await interrupt(execd, ids);
  const first = await send();
  const text = await first.text();
  expect([first.status, text.includes('"once"')], text).toEqual([200, true]);
  expect(await (await send()).text()).toContain('"once"');
});

test('a hundred refused commands leave no descriptor open', async (context) => {
  await using group = pidsGroup(context);
  await using execd = await fullExecd(group);
  const { ids } = await fill(execd);
  const open = () => readdirSync(`/proc/${execd.pid}/fd`).length;
  await execd.request('POST', '/command', { command: 'true' });
  const before = open();
  for (let count = 0; count < 100; count += 1)
    expect((await execd.request('POST', '/command', { command: 'true' })).status).toBe(503);
  // Connections of answers that are over may still be closing.
  await until(() => open() <= before + 1);
  await interrupt(execd, ids);
  expect(idOf(await execd.run({ argv: ['true'] }))).toMatch(/^[0-9a-f]{32}$/);
});
