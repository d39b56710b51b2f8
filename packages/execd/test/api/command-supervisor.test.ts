import { expect } from 'vitest';
import { shimPidOf } from '../support/capabilities.ts';
import { endingOf, finished, logsOf, logsWhen, startBackground, statusOf } from '../support/commands.ts';
import { escapees } from '../support/escapees.ts';
import { openStream, startExecd, texts } from '../support/execd.ts';
import type { ExecdClient } from '../support/execd-client.ts';
import { childProcessTest, shimTest } from '../support/launcher.ts';
import { isAlive, kill, processesOf } from '../support/processes.ts';
import { restartableExecd } from '../support/restartable-execd.ts';
import { until } from '../support/until.ts';
import { startListening } from '../support/execd-process.ts';

shimTest('who supervises commands was killed: they end with an error that says so', async () => {
  // Those that nobody else can find without it are not asked for.
  await using left = await escapees(['child', 'session', 'orphan', 'daemon']);
  await using execd = await startExecd();
  const stream = await openStream(execd, { command: `echo before\n${left.script}\necho up; sleep 300` });
  await stream.until('up');
  const background = await startBackground(execd, { command: 'echo before; sleep 300' });
  await logsWhen(execd, background, /before/);
  process.kill(await shimPidOf(execd), 'SIGKILL');
  const events = await stream.rest();
  expect(texts(events)).toEqual(['before', 'up']);
  const last = events.at(-1);
  const error = last?.type === 'error' ? last.error : undefined;
  expect(error?.evalue).toMatch(/supervisor/i);
  expect(error?.evalue).not.toMatch(/^-?\d+$/);
  expect(error?.traceback).not.toEqual([]);
  for (const id of [stream.id, background]) {
    const status = await finished(execd, id);
    expect(status).toMatchObject({ running: false, killed_by: 'supervisor_lost', timed_out: false });
    expect(status.error).toMatch(/supervisor/i);
    await until(() => processesOf(id).length === 0);
  }
  const pids = await left.pids();
  await until(() => pids.every((pid) => !isAlive(pid)));
  expect(await logsOf(execd, background)).toBe('before\n');
});

const HOSTS: Record<string, () => Promise<ExecdClient & AsyncDisposable>> = {
  'an execd that nobody succeeds': () => startExecd(),
  'an execd with a port of its own': () => restartableExecd(),
};

for (const [host, start] of Object.entries(HOSTS)) {
  shimTest(`${host}: whenever the supervisor was killed the next command has another one`, async () => {
    await using execd = await start();
    const before = await endingOf(execd, { command: 'echo kept; exit 5' });
    const pids = [];
    for (let round = 0; round < 3; round += 1) {
      pids.push(await shimPidOf(execd));
      kill(pids[round] ?? 0);
      expect(texts(await execd.run({ command: 'echo next' }))).toEqual(['next']);
    }
    expect(new Set([...pids, await shimPidOf(execd)]).size).toBe(4);
    // What had ended before is what it was.
    expect(await statusOf(execd, before.id)).toEqual(before);
  });
}

shimTest('requests that come while the supervisor is being replaced all get a real answer', async () => {
  await using execd = await startExecd();
  await execd.run({ command: 'true' });
  const shim = await shimPidOf(execd);
  const runs = Array.from({ length: 20 }, async (_, index) => {
    if (index === 10) process.kill(shim, 'SIGKILL');
    const response = await execd.request('POST', '/command', { command: `echo ${index}` });
    return { status: response.status, text: await response.text() };
  });
  for (const { status, text } of await Promise.all(runs)) {
    expect([200, 503]).toContain(status);
    if (status === 503) expect(text).toContain('SERVICE_UNAVAILABLE');
    else expect(text).toMatch(/"execution_complete"|supervisor/);
  }
  expect(texts(await execd.run({ command: 'echo next' }))).toEqual(['next']);
});

shimTest('the log says that the supervisor was lost', async () => {
  await using execd = await startListening();
  await execd.run({ command: 'true' });
  process.kill(await shimPidOf(execd), 'SIGKILL');
  await execd.logged(({ level }) => level === 'warn' || level === 'error');
  expect(texts(await execd.run({ command: 'echo next' }))).toEqual(['next']);
});

childProcessTest('without the native launcher nobody supervises but execd', async () => {
  await using execd = await startListening();
  const stream = await openStream(execd, { command: 'echo $PPID; sleep 300' });
  await stream.until('stdout');
  await execd.request('DELETE', `/command?id=${stream.id}`);
  expect(texts(await stream.rest())).toEqual([String(execd.pid)]);
});
