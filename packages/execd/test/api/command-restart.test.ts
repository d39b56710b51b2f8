import { rm, writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'vitest';
import { shimPidOf } from '../support/capabilities.ts';
import {
  finished,
  logsWhen,
  rowOf,
  rowsOf,
  startBackground,
  statusOf,
  statusWhen,
} from '../support/commands.ts';
import { escapees } from '../support/escapees.ts';
import { idOf, openStream, parseEvents, texts } from '../support/execd.ts';
import { startListening } from '../support/execd-process.ts';
import { childProcessTest, shimTest } from '../support/launcher.ts';
import { isAlive, kill, processesOf } from '../support/processes.ts';
import { isLine, replayAll } from '../support/replay.ts';
import { freePort, restartableExecd } from '../support/restartable-execd.ts';
import { until } from '../support/until.ts';

shimTest('a killed execd: the next one lists the commands that run, as they were', async () => {
  await using execd = await restartableExecd();
  const stream = await openStream(execd, { command: 'echo "with \'quotes\' and ä"; sleep 300' });
  await stream.until('quotes');
  const background = await startBackground(execd, { argv: ['sleep', '301'] });
  const before = await rowsOf(execd);
  const shim = await shimPidOf(execd);
  await execd.crash();
  await execd.start();
  expect(await rowsOf(execd)).toEqual(before);
  expect(before.map(({ id }) => id)).toEqual([background, stream.id]);
  for (const { pid = 0 } of before) expect(isAlive(pid)).toBe(true);
  expect(await statusOf(execd, background)).toMatchObject({ content: '["sleep","301"]', running: true });
  expect(await shimPidOf(execd)).toBe(shim);
  await execd.stop();
});

shimTest('a killed execd: fifty commands are all there, and a new one joins them', async () => {
  await using execd = await restartableExecd();
  const start = (index: number) => startBackground(execd, { command: `echo n${index}; sleep 300` });
  const ids = await Promise.all(Array.from({ length: 50 }, (_, index) => start(index)));
  await execd.restart();
  for (const [index, id] of ids.entries()) expect(await logsWhen(execd, id, /\n/), id).toBe(`n${index}\n`);
  expect(texts(await execd.run({ command: 'echo new' }))).toEqual(['new']);
  expect(
    new Set((await rowsOf(execd)).filter(({ state }) => state === 'running').map(({ id }) => id)),
  ).toEqual(new Set(ids));
  await execd.stop();
});

shimTest('a killed execd: what ended while nobody was there has its true ending', async () => {
  await using execd = await restartableExecd();
  const { temporary: cwd } = execd;
  const endingWith = (end: string) =>
    startBackground(execd, { command: `until [ -e go ]; do sleep 0.02; done; echo alone; ${end}`, cwd });
  const code = await endingWith('exit 5');
  const signal = await endingWith('kill -USR1 $$');
  const success = await endingWith('true');
  const { started_at } = await statusOf(execd, code);
  await execd.crash();
  await writeFile(`${cwd}/go`, '');
  await until(() => [code, signal, success].every((id) => processesOf(id).length === 0));
  await delay(300);
  const started = Date.now();
  await execd.start();
  const status = await finished(execd, code);
  expect(status).toMatchObject({ exit_code: 5, error: 'exit status 5', started_at, timed_out: false });
  expect(status).not.toHaveProperty('killed_by');
  expect(status.peak_rss_bytes).toBeGreaterThan(0);
  // It ended when it ended, not when somebody came to look.
  expect(Date.parse(status.finished_at ?? '')).toBeLessThan(started);
  expect(await finished(execd, signal)).toMatchObject({ exit_code: -1, signal: 'SIGUSR1' });
  expect(await finished(execd, success)).toMatchObject({ exit_code: 0 });
  const frames = await replayAll(execd, code);
  expect(frames.map(({ event }) => event.type)).toEqual(['init', 'stdout', 'error']);
  expect(frames.at(-1)?.event).toMatchObject({ error: { evalue: '5', traceback: ['exit status 5'] } });
  await rm(`${cwd}/go`);
  await execd.stop();
});

shimTest('a killed execd: the group of a background command dies with its shell all the same', async () => {
  await using execd = await restartableExecd();
  const id = await startBackground(execd, { command: 'sleep 300 & echo $!; read line', stdin: true });
  const pid = Number(await logsWhen(execd, id, /\n/));
  const { pid: leader = 0 } = await rowOf(execd, id);
  await execd.crash();
  expect(isAlive(pid)).toBe(true);
  kill(leader);
  await until(() => !isAlive(pid));
  await execd.start();
  expect(await finished(execd, id)).toMatchObject({ signal: 'SIGKILL' });
  await execd.stop();
});

shimTest('a killed execd: a timeout goes on from the start of its command', async () => {
  await using execd = await restartableExecd();
  const first = await startBackground(execd, { command: 'sleep 300', timeout: 4_000 });
  const past = await startBackground(execd, { command: 'sleep 300', timeout: 500 });
  const never = await startBackground(execd, { command: 'sleep 300' });
  await execd.crash();
  await delay(1_000);
  await execd.start();
  // Its time ran out while nobody was there.
  expect(await finished(execd, past)).toMatchObject({ timed_out: true, killed_by: 'timeout' });
  // Counted from the restart, the first one's time would be over after the second one's.
  const second = await startBackground(execd, { command: 'sleep 300', timeout: 3_400 });
  const ends = await Promise.all([finished(execd, first), finished(execd, second)]);
  for (const status of ends)
    expect(status).toMatchObject({ timed_out: true, killed_by: 'timeout', signal: 'SIGKILL' });
  expect(Date.parse(ends[0].finished_at ?? '')).toBeLessThan(Date.parse(ends[1].finished_at ?? ''));
  expect(await statusOf(execd, never)).toMatchObject({ running: true });
  await execd.stop();
});

shimTest('a killed execd: commands can be interrupted and signalled, with all that got away', async () => {
  await using one = await escapees();
  await using other = await escapees();
  await using execd = await restartableExecd();
  const interrupted = await startBackground(execd, { command: `${one.script}\necho up; sleep 300` });
  const signalled = await startBackground(execd, { command: `${other.script}\necho up; sleep 300` });
  for (const id of [interrupted, signalled]) await logsWhen(execd, id, /up/);
  await execd.restart();
  expect((await execd.request('DELETE', `/command?id=${interrupted}`)).status).toBe(200);
  expect(await finished(execd, interrupted)).toMatchObject({ killed_by: 'interrupt', signal: 'SIGTERM' });
  const gone = await one.pids();
  await until(() => gone.every((pid) => !isAlive(pid)));
  const neighbours = await other.pids();
  expect(neighbours.filter(isAlive)).toEqual(neighbours);
  const signal = { signal: 'KILL', scope: 'tree' };
  expect((await execd.request('POST', `/command/${signalled}/signal`, signal)).status).toBe(200);
  expect(await finished(execd, signalled)).toMatchObject({ killed_by: 'signal', signal: 'SIGKILL' });
  await until(() => neighbours.every((pid) => !isAlive(pid)));
  await execd.stop();
});

shimTest('a killed execd: the same Idempotency-Key is still the same execution', async () => {
  await using execd = await restartableExecd();
  const send = (body: Record<string, unknown>) =>
    execd.request('POST', '/command', body, { headers: { 'idempotency-key': 'one-and-only' } });
  const body = { command: 'echo $$; read line; exit 3', stdin: true, background: true };
  const id = idOf(parseEvents(await (await send(body)).text()));
  const pid = await logsWhen(execd, id, /\n/);
  await execd.restart();
  expect(idOf(parseEvents(await (await send(body)).text()))).toBe(id);
  expect(await logsWhen(execd, id, /\n/)).toBe(pid);
  const other = await send({ ...body, command: 'echo other' });
  expect([other.status, await other.json()]).toMatchObject([409, { code: 'IDEMPOTENCY_KEY_REUSED' }]);
  expect(await rowsOf(execd)).toHaveLength(1);
  await execd.request('POST', `/command/${id}/stdin`, 'go\n');
  expect(await finished(execd, id)).toMatchObject({ exit_code: 3 });
  await execd.stop();
});

shimTest('a killed execd: stdin stays open, and can be closed', async () => {
  await using execd = await restartableExecd();
  const id = await startBackground(execd, { command: 'cat; echo end', stdin: true });
  const none = await startBackground(execd, { command: 'sleep 300' });
  const closed = await startBackground(execd, { command: 'cat; sleep 300', stdin: true });
  const write = async (to: string, text: string, query = '') =>
    (await execd.request('POST', `/command/${to}/stdin${query}`, text)).status;
  expect(await write(id, 'before\n')).toBe(200);
  expect(await write(closed, '', '?close=true')).toBe(200);
  await logsWhen(execd, id, /before/);
  await execd.restart();
  expect(await write(id, 'after\n')).toBe(200);
  expect(await write(id, 'last\n', '?close=true')).toBe(200);
  expect(await finished(execd, id)).toMatchObject({ exit_code: 0 });
  expect(await logsWhen(execd, id, /end/)).toBe('before\nafter\nlast\nend\n');
  expect([await write(none, 'x'), await write(closed, 'x')]).toEqual([409, 409]);
  await execd.stop();
});

shimTest('two kills in a row, the second one as soon as execd listens', async () => {
  await using execd = await restartableExecd();
  const id = await startBackground(execd, {
    command: 'echo one; read a; echo $a; read b; echo $b',
    stdin: true,
  });
  await logsWhen(execd, id, /one/);
  const before = await rowOf(execd, id);
  await execd.restart();
  await execd.restart();
  expect(await rowOf(execd, id)).toEqual(before);
  await execd.request('POST', `/command/${id}/stdin`, 'two\n');
  await logsWhen(execd, id, /two/);
  await execd.restart();
  await execd.request('POST', `/command/${id}/stdin`, 'three\n');
  expect(await finished(execd, id)).toMatchObject({ exit_code: 0 });
  expect((await replayAll(execd, id)).filter(isLine('one'))).toHaveLength(1);
  expect(await logsWhen(execd, id, /three/)).toBe('one\ntwo\nthree\n');
  await execd.stop();
});

shimTest('an execd on another port takes nothing over, neither before nor after the kill', async () => {
  await using execd = await restartableExecd();
  const id = await startBackground(execd, { command: 'echo mine; sleep 300' });
  await logsWhen(execd, id, /mine/);
  const environment = { ...process.env, TMPDIR: execd.temporary };
  const lookAtAnother = async () => {
    await using another = await startListening(['--port', String(await freePort())], environment);
    expect(await rowsOf(another)).toEqual([]);
    expect(texts(await another.run({ command: 'echo works' }))).toEqual(['works']);
    another.kill('SIGTERM');
    expect(await another.ended).toBe(0);
  };
  await lookAtAnother();
  await execd.crash();
  await lookAtAnother();
  await execd.start();
  expect(await statusOf(execd, id)).toMatchObject({ running: true });
  await execd.stop();
});

shimTest('an execd that is told to end leaves nothing to the next one', async () => {
  await using execd = await restartableExecd();
  const id = await startBackground(execd, { command: 'sleep 300' });
  await execd.restart();
  await execd.stop();
  expect(processesOf(id)).toEqual([]);
  await execd.start();
  expect(await rowsOf(execd)).toEqual([]);
  await execd.stop();
});

shimTest('execd and its launcher were killed: the next execd starts afresh and leaves nothing', async () => {
  await using execd = await restartableExecd();
  const id = await startBackground(execd, { command: 'echo up; sleep 300' });
  await logsWhen(execd, id, /up/);
  const shim = await shimPidOf(execd);
  await execd.crash();
  kill(shim);
  await until(() => !isAlive(shim));
  await execd.start();
  expect(texts(await execd.run({ command: 'echo afresh' }))).toEqual(['afresh']);
  expect(await shimPidOf(execd)).not.toBe(shim);
  for (const pid of processesOf(id)) kill(pid);
  await execd.stop();
});

shimTest('the launcher is killed after a restart: the commands of before end like the others', async () => {
  await using execd = await restartableExecd();
  const id = await startBackground(execd, { command: 'sleep 300' });
  await execd.restart();
  kill(await shimPidOf(execd));
  expect(await statusWhen(execd, id, ({ running }) => !running)).toMatchObject({
    killed_by: 'supervisor_lost',
  });
  await until(() => processesOf(id).length === 0);
  expect(texts(await execd.run({ command: 'echo next' }))).toEqual(['next']);
  await execd.stop();
});

childProcessTest(
  'without the native launcher the next execd knows nothing of the commands before',
  async () => {
    await using execd = await restartableExecd();
    const id = await startBackground(execd, { command: 'sleep 300' });
    await execd.restart();
    expect(await rowsOf(execd)).toEqual([]);
    expect((await execd.request('GET', `/command/status/${id}`)).status).toBe(404);
    for (const pid of processesOf(id)) kill(pid);
    await until(() => processesOf(id).length === 0);
    await execd.stop();
  },
);
