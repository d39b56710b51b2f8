import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { idOf, openStream, startExecd } from '../support/execd.ts';
import { isAlive, processesOf } from '../support/processes.ts';
import { until } from '../support/until.ts';
import type { Execd } from '../support/execd.ts';

interface Status {
  id: string;
  content: string;
  running: boolean;
  exit_code?: number;
  error?: string;
  signal?: string;
  timed_out: boolean;
  killed_by?: string;
  output_bytes: { stdout: number; stderr: number };
}

async function statusOf(execd: Execd, id: string): Promise<Status> {
  return (await (await execd.request('GET', `/command/status/${id}`)).json()) as Status;
}

/** Starts a command in the background and waits until it runs. */
async function startBackground(execd: Execd, body: Record<string, unknown>): Promise<string> {
  return idOf(await execd.run({ ...body, background: true }));
}

async function finished(execd: Execd, id: string): Promise<Status> {
  for (;;) {
    const status = await statusOf(execd, id);
    if (!status.running) return status;
    await delay(10);
  }
}

test('contract §3.2: a background command answers at once and is followed by status and logs', async () => {
  await using execd = await startExecd();
  const events = await execd.run({
    command: 'echo one; echo two >&2; sleep 0.2; printf three',
    background: true,
  });
  expect(events.map(({ type }) => type)).toEqual(['init', 'execution_complete']);
  const id = idOf(events);
  const running = await statusOf(execd, id);
  expect(running).toMatchObject({ id, running: true, timed_out: false });
  expect(running).not.toHaveProperty('exit_code');
  expect(await finished(execd, id)).toMatchObject({ exit_code: 0, output_bytes: { stdout: 13, stderr: 0 } });
  const logs = await execd.request('GET', `/command/${id}/logs`);
  expect(logs.headers.get('content-type')).toBe('text/plain; charset=utf-8');
  expect(await logs.text()).toBe('one\ntwo\nthree');
});

test('contract §3.5: the cursor counts bytes; nothing new is an empty body and the same cursor', async () => {
  await using execd = await startExecd();
  const id = await startBackground(execd, { command: "printf 'äöü\\n12345'; sleep 300" });
  const read = async (cursor: string) => {
    const response = await execd.request('GET', `/command/${id}/logs?cursor=${cursor}`);
    return {
      next: response.headers.get('execd-commands-tail-cursor'),
      bytes: Buffer.from(await response.arrayBuffer()),
    };
  };
  while ((await read('0')).next !== '12') await delay(10);
  expect((await read('1')).bytes).toEqual(Buffer.from('äöü\n12345').subarray(1));
  expect(await read('12')).toEqual({ next: '12', bytes: Buffer.alloc(0) });
  expect(await read('99')).toEqual({ next: '99', bytes: Buffer.alloc(0) });
  expect((await read('abc')).next).toBe('12');
  await execd.request('DELETE', `/command?id=${id}`);
});

test('contract §3.2: the group of a background command dies with its shell', async () => {
  await using execd = await startExecd();
  const id = await startBackground(execd, { command: 'sleep 304 & echo $!' });
  await finished(execd, id);
  const pid = Number(await (await execd.request('GET', `/command/${id}/logs`)).text());
  expect(pid).toBeGreaterThan(1);
  await until(() => !isAlive(pid));
});

test('contract §3.2: a background command that cannot start has a record with exit code 255', async () => {
  await using execd = await startExecd();
  const events = await execd.run({ argv: ['no-such-program'], background: true });
  expect(events.map(({ type }) => type)).toEqual(['init', 'error']);
  expect(await statusOf(execd, idOf(events))).toMatchObject({ running: false, exit_code: 255 });
});

test('contract §3.3: an interrupt ends the stream and everything that the command started', async () => {
  await using execd = await startExecd();
  const stream = await openStream(execd, {
    command: 'setsid sleep 305 & (sleep 306 &) ; echo up; sleep 307',
  });
  const { id } = stream;
  await stream.until('up');
  // A process that is just being started shows no environment for a moment.
  await until(() => processesOf(id).length >= 3);
  const answer = await execd.request('DELETE', `/command?id=${id}`);
  expect([answer.status, answer.headers.get('content-length'), await answer.text()]).toEqual([200, '0', '']);
  const events = await stream.rest();
  expect(events.at(-1)).toMatchObject({
    error: { evalue: '-1', traceback: ['signal: terminated', 'interrupted by request'] },
  });
  await until(() => processesOf(id).length === 0);
  expect(await statusOf(execd, id)).toMatchObject({
    exit_code: -1,
    signal: 'SIGTERM',
    killed_by: 'interrupt',
  });
});

test('contract §3.3: a command that ignores TERM is killed', async () => {
  await using execd = await startExecd();
  const id = await startBackground(execd, {
    command: "trap '' TERM; echo ready; while :; do sleep 0.1; done",
  });
  while (!(await (await execd.request('GET', `/command/${id}/logs`)).text()).includes('ready'))
    await delay(10);
  expect((await execd.request('DELETE', `/command?id=${id}`)).status).toBe(200);
  expect(await statusOf(execd, id)).toMatchObject({
    running: false,
    signal: 'SIGKILL',
    killed_by: 'interrupt',
  });
});

test.each([
  ['exit 3', { exit_code: 3, error: 'exit status 3', timed_out: false }],
  ['kill -SEGV $$', { exit_code: -1, signal: 'SIGSEGV', timed_out: false }],
])('the status of `%s` tells how it ended', async (command, expected) => {
  await using execd = await startExecd();
  const id = idOf(await execd.run({ command }));
  const status = await statusOf(execd, id);
  expect(status).toMatchObject({ id, content: command, running: false, ...expected });
  expect(status).not.toHaveProperty('killed_by');
});

test('a timeout shows in the status', async () => {
  await using execd = await startExecd();
  const id = idOf(await execd.run({ command: 'sleep 308', timeout: 50 }));
  expect(await statusOf(execd, id)).toMatchObject({
    exit_code: -1,
    error: 'signal: killed',
    signal: 'SIGKILL',
    timed_out: true,
    killed_by: 'timeout',
  });
});

test('signals reach the leader, the group or the tree', async () => {
  await using execd = await startExecd();
  const command = "trap 'echo got-usr1' USR1; echo ready; while :; do sleep 0.02; done";
  const id = await startBackground(execd, { command });
  const log = async () => (await execd.request('GET', `/command/${id}/logs`)).text();
  while (!(await log()).includes('ready')) await delay(10);
  expect(
    (await execd.request('POST', `/command/${id}/signal`, { signal: 'USR1', scope: 'leader' })).status,
  ).toBe(200);
  while (!(await log()).includes('got-usr1')) await delay(10);
  expect((await execd.request('POST', `/command/${id}/signal`, { signal: 9, scope: 'tree' })).status).toBe(
    200,
  );
  expect(await finished(execd, id)).toMatchObject({ signal: 'SIGKILL', killed_by: 'signal' });
  const late = await execd.request('POST', `/command/${id}/signal`, { signal: 'TERM' });
  expect([late.status, await late.json()]).toMatchObject([409, { code: 'COMMAND_NOT_RUNNING' }]);
});

test('a signal that the command takes is not what ended it', async () => {
  await using execd = await startExecd();
  const trap = 'trap \'echo got-usr1\' USR1; echo ready; until [ -n "$done" ]; do sleep 0.02; ';
  for (const [body, ending] of [
    [{ command: `${trap} [ $SECONDS -ge 1 ] && done=1; done; exit 3` }, { exit_code: 3, timed_out: false }],
    [
      { command: `${trap} done`, timeout: 600 },
      { signal: 'SIGKILL', timed_out: true, killed_by: 'timeout' },
    ],
  ] as const) {
    const id = await startBackground(execd, body);
    const log = async () => (await execd.request('GET', `/command/${id}/logs`)).text();
    while (!(await log()).includes('ready')) await delay(10);
    await execd.request('POST', `/command/${id}/signal`, { signal: 'USR1', scope: 'leader' });
    while (!(await log()).includes('got-usr1')) await delay(10);
    const status = await finished(execd, id);
    expect(status).toMatchObject(ending);
    expect(status.killed_by).toBe('killed_by' in ending ? ending.killed_by : undefined);
  }
});

test('stdin takes any bytes in several requests and is closed on demand', async () => {
  await using execd = await startExecd();
  const id = await startBackground(execd, { argv: ['sha256sum'], stdin: true });
  const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, index) => index % 256));
  expect((await execd.request('POST', `/command/${id}/stdin`, bytes.subarray(0, 1000))).status).toBe(200);
  expect((await execd.request('POST', `/command/${id}/stdin?close=true`, bytes.subarray(1000))).status).toBe(
    200,
  );
  await finished(execd, id);
  const { createHash } = await import('node:crypto');
  const digest = createHash('sha256').update(bytes).digest('hex');
  expect(await (await execd.request('GET', `/command/${id}/logs`)).text()).toBe(`${digest}  -\n`);
});

test('stdin of a command that has none, or that ended, is a conflict', async () => {
  await using execd = await startExecd();
  const ended = idOf(await execd.run({ command: 'true', stdin: true }));
  const afterEnd = await execd.request('POST', `/command/${ended}/stdin`, 'x');
  expect([afterEnd.status, await afterEnd.json()]).toMatchObject([409, { code: 'COMMAND_NOT_RUNNING' }]);
  const none = await startBackground(execd, { command: 'sleep 309' });
  const refused = await execd.request('POST', `/command/${none}/stdin`, 'x');
  expect([refused.status, await refused.json()]).toMatchObject([409, { code: 'STDIN_CLOSED' }]);
  await execd.request('DELETE', `/command?id=${none}`);
});

test('the list shows running and finished commands, newest first', async () => {
  await using execd = await startExecd();
  const first = idOf(await execd.run({ command: 'exit 5' }));
  const second = await startBackground(execd, { command: 'sleep 310' });
  const list = async (query = '') => {
    const response = await execd.request('GET', `/command${query}`);
    return ((await response.json()) as { commands: Record<string, unknown>[] }).commands;
  };
  expect(await list()).toMatchObject([
    { id: second, command: 'sleep 310', background: true, state: 'running' },
    { id: first, command: 'exit 5', background: false, state: 'finished', exit_code: 5 },
  ]);
  expect((await list('?state=running')).map(({ id }) => id)).toEqual([second]);
  expect((await list('?limit=1')).map(({ id }) => id)).toEqual([second]);
  await execd.request('DELETE', `/command?id=${second}`);
});
