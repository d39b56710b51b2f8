import { expect, test } from 'vitest';
import { finished, logsWhen, startBackground, statusOf } from '../support/commands.ts';
import { escapees } from '../support/escapees.ts';
import type { Escapees } from '../support/escapees.ts';
import { startExecd, texts } from '../support/execd.ts';
import type { ExecdClient } from '../support/execd-client.ts';
import { isAlive, processesOf } from '../support/processes.ts';
import { isRoot, ownUser } from '../support/test-users.ts';
import { until } from '../support/until.ts';

/** Starts a command that stays, with processes that got away from it, and waits until all of them run. */
async function startWith(
  execd: ExecdClient,
  { script }: Escapees,
  fields: Record<string, unknown> = {},
): Promise<string> {
  const id = await startBackground(execd, { command: `${script}\necho up; sleep 300`, ...fields });
  await logsWhen(execd, id, /up/);
  return id;
}

const ENDINGS: Record<string, (execd: ExecdClient, id: string) => Promise<number>> = {
  'an interrupt': async (execd, id) => (await execd.request('DELETE', `/command?id=${id}`)).status,
  'KILL to the tree': async (execd, id) =>
    (await execd.request('POST', `/command/${id}/signal`, { signal: 'KILL', scope: 'tree' })).status,
  'TERM to the tree': async (execd, id) =>
    (await execd.request('POST', `/command/${id}/signal`, { signal: 'TERM', scope: 'tree' })).status,
};

test.each(Object.keys(ENDINGS))('%s reaches everybody who got away, and nobody else', async (name) => {
  await using left = await escapees();
  await using neighbours = await escapees();
  await using mine = await escapees();
  await using execd = await startExecd();
  await execd.run({ command: left.script });
  const neighbour = await startWith(execd, neighbours);
  const id = await startWith(execd, mine);
  expect(await ENDINGS[name]?.(execd, id)).toBe(200);
  await finished(execd, id);
  const gone = await mine.pids();
  await until(() => gone.every((pid) => !isAlive(pid)));
  expect(processesOf(id)).toEqual([]);
  const others = [...(await left.pids()), ...(await neighbours.pids())];
  expect(others.filter(isAlive)).toEqual(others);
  expect(await statusOf(execd, neighbour)).toMatchObject({ running: true });
  await execd.request('DELETE', `/command?id=${neighbour}`);
  const ended = await neighbours.pids();
  await until(() => ended.every((pid) => !isAlive(pid)));
});

test.each(['keep', undefined])('a timeout reaches everybody who got away, detached %s', async (detached) => {
  await using left = await escapees();
  await using mine = await escapees();
  await using execd = await startExecd();
  await execd.run({ command: left.script });
  // Long enough for all of them to start, on a slow machine too.
  const id = await startWith(execd, mine, { timeout: 5_000, ...(detached ? { detached } : {}) });
  expect(await finished(execd, id)).toMatchObject({ killed_by: 'timeout', timed_out: true });
  const gone = await mine.pids();
  await until(() => gone.every((pid) => !isAlive(pid)));
  const others = await left.pids();
  expect(others.filter(isAlive)).toEqual(others);
});

test('processes that run as another user are reached as well', async ({ skip }) => {
  skip(!isRoot, 'only root can run a command as somebody else');
  await using mine = await escapees();
  await using execd = await startExecd();
  const id = await startWith(execd, mine, { uid: ownUser() });
  expect((await execd.request('DELETE', `/command?id=${id}`)).status).toBe(200);
  const gone = await mine.pids();
  await until(() => gone.every((pid) => !isAlive(pid)));
});

test('who ignores TERM and got away is killed in the end', async () => {
  await using execd = await startExecd();
  const deaf = `trap '' TERM; setsid sh -c 'echo $$; while :; do sleep 0.1; done' &`;
  const id = await startBackground(execd, { command: `${deaf}\nwait` });
  const pid = Number.parseInt(await logsWhen(execd, id, /^\d+\n/), 10);
  expect((await execd.request('DELETE', `/command?id=${id}`)).status).toBe(200);
  await until(() => !isAlive(pid) && processesOf(id).length === 0);
  expect(await statusOf(execd, id)).toMatchObject({ running: false, killed_by: 'interrupt' });
});

test('stopped processes are killed like the others', async () => {
  await using execd = await startExecd();
  const id = await startBackground(execd, { command: "setsid sh -c 'echo $$; kill -STOP $$' & wait" });
  const pid = Number.parseInt(await logsWhen(execd, id, /^\d+\n/), 10);
  expect((await execd.request('DELETE', `/command?id=${id}`)).status).toBe(200);
  await until(() => !isAlive(pid));
});

test('the scopes leader and group leave alone who got away', async () => {
  await using mine = await escapees(['session', 'daemon']);
  await using execd = await startExecd();
  const id = await startWith(execd, mine, { detached: 'keep' });
  const signal = { signal: 'KILL', scope: 'group' };
  expect((await execd.request('POST', `/command/${id}/signal`, signal)).status).toBe(200);
  expect(await finished(execd, id)).toMatchObject({ signal: 'SIGKILL', killed_by: 'signal' });
  const pids = await mine.pids();
  expect(texts(await execd.run({ command: 'sleep 0.3; echo later' }))).toEqual(['later']);
  expect(pids.filter(isAlive)).toEqual(pids);
});
