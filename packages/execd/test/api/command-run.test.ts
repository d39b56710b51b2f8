import { expect, test } from 'vitest';
import { idOf, readEvents, startExecd, texts } from '../support/execd.ts';
import { processesOf } from '../support/processes.ts';
import { until } from '../support/until.ts';

test('contract §2.3: init, output in order, one ending', async () => {
  await using execd = await startExecd();
  const events = await execd.run({ command: 'echo one; echo two' });
  expect(events.map(({ type }) => type)).toEqual(['init', 'stdout', 'stdout', 'execution_complete']);
  expect(texts(events)).toEqual(['one', 'two']);
});

test('contract §2.1, §2.3: bare JSON objects, a blank line behind each, the ping right behind init', async () => {
  await using execd = await startExecd();
  const response = await execd.request('POST', '/command', { command: 'echo hi' });
  expect(response.headers.get('content-type')).toBe('text/event-stream');
  expect(response.headers.get('cache-control')).toBe('no-cache');
  expect(response.headers.get('x-accel-buffering')).toBe('no');
  const text = await response.text();
  expect(text).toMatch(
    /^\{"type":"init","text":"[0-9a-f]{32}","timestamp":\d{13}\}\n\n\{"type":"ping","text":"pong","timestamp":\d{13}\}\n\n\{"type":"stdout","text":"hi","timestamp":\d{13}\}\n\n\{"type":"execution_complete","execution_time":\d+,"timestamp":\d{13}\}\n\n$/,
  );
});

test.each([
  ['exit 0', undefined],
  ['exit 7', { ename: 'CommandExecError', evalue: '7', traceback: ['exit status 7'] }],
  ['kill -KILL $$', { ename: 'CommandExecError', evalue: '-1', traceback: ['signal: killed'] }],
  ['kill -TERM $$', { ename: 'CommandExecError', evalue: '-1', traceback: ['signal: terminated'] }],
  ['kill -SEGV $$', { ename: 'CommandExecError', evalue: '-1', traceback: ['signal: segmentation fault'] }],
  ['definitely-not-a-program', { ename: 'CommandExecError', evalue: '127', traceback: ['exit status 127'] }],
])('contract §3.1: the ending of `%s`', async (command, error) => {
  await using execd = await startExecd();
  const events = await execd.run({ command });
  const last = events.at(-1);
  if (error) expect(last).toMatchObject({ type: 'error', error });
  else expect(last?.type).toBe('execution_complete');
  const endings = events.filter(({ type }) => type === 'error' || type === 'execution_complete');
  expect(endings).toHaveLength(1);
});

test('contract §2.7: blank lines, carriage returns and a last line without end', async () => {
  await using execd = await startExecd();
  const events = await execd.run({ command: String.raw`printf 'a\n\nb\n\n\nc\nx\r\ny\n10%%\r20%%\rend'` });
  expect(texts(events)).toEqual(['a', '\n', 'b', '\n', '\n', 'c', 'x', 'y', '10%', '20%', 'end']);
});

test('stdout and stderr stay apart', async () => {
  await using execd = await startExecd();
  const events = await execd.run({ command: 'echo out; echo err >&2' });
  expect(texts(events)).toEqual(['out']);
  expect(texts(events, 'stderr')).toEqual(['err']);
});

test('bytes that are cut between two writes, NUL and invalid UTF-8 all arrive', async () => {
  await using execd = await startExecd();
  const command = String.raw`printf '\303'; sleep 0.05; printf '\244 a\000b \377\n'`;
  expect(texts(await execd.run({ command }))).toEqual(['ä a\0b \uFFFD']);
});

test('NEL, LS and PS are escaped on the wire, so that no line reader splits an event', async () => {
  await using execd = await startExecd();
  const response = await execd.request('POST', '/command', {
    command: String.raw`printf 'a\302\205b\342\200\250c\342\200\251d\n'`,
  });
  const text = await response.text();
  expect(text).not.toMatch(/[\u0085\u2028\u2029]/);
  expect(text).toContain(String.raw`a\u0085b\u2028c\u2029d`);
});

test('a line of 16 MiB arrives whole, in events of less than 4 MiB', async () => {
  await using execd = await startExecd();
  const response = await execd.request('POST', '/command', {
    command: "head -c 16777216 /dev/zero | tr '\\0' 'x'; echo",
  });
  const body = await response.text();
  const lines = body.split('\n').filter((line) => line !== '');
  expect(Math.max(...lines.map((line) => Buffer.byteLength(line)))).toBeLessThan(4 * 1024 * 1024);
  const stdout = lines.map((line) => JSON.parse(line)).filter(({ type }) => type === 'stdout');
  expect(stdout.map(({ text }) => text).join('')).toBe('x'.repeat(16_777_216));
});

test('a background child that keeps the pipe open does not hold the end back, and lives on', async () => {
  await using execd = await startExecd();
  const events = await execd.run({ command: 'sleep 300 & echo $!' });
  expect(events.at(-1)?.type).toBe('execution_complete');
  const pid = Number(texts(events)[0]);
  expect(process.kill(pid, 0)).toBe(true);
  process.kill(pid, 'SIGKILL');
});

test('a child that writes after the end is neither blocked nor killed by SIGPIPE', async () => {
  await using execd = await startExecd();
  const script = '(sleep 0.1; head -c 1000000 /dev/zero; echo done > "$MARK") & echo started';
  const mark = `/tmp/execd-late-writer-${process.pid}`;
  await execd.run({ command: script, envs: { MARK: mark } });
  const events = await execd.run({
    command: 'for i in $(seq 200); do [ -s "$MARK" ] && break; sleep 0.02; done; cat "$MARK"; rm -f "$MARK"',
    envs: { MARK: mark },
  });
  expect(texts(events)).toEqual(['done']);
});

test('stdin is empty, not the daemon’s', async () => {
  await using execd = await startExecd();
  expect(texts(await execd.run({ command: 'readlink /proc/self/fd/0; wc -c' }))).toEqual(['/dev/null', '0']);
});

test('the command leads a process group and session of its own', async () => {
  await using execd = await startExecd();
  const [line = ''] = texts(await execd.run({ command: 'cut -d" " -f1,5,6 /proc/$$/stat' }));
  const [pid, group, session] = line.split(' ');
  expect(group).toBe(pid);
  expect(session).toBe(pid);
});

test('contract §2.6: the command goes on when its client leaves', async () => {
  await using execd = await startExecd();
  const client = new AbortController();
  const response = await execd.request(
    'POST',
    '/command',
    { command: 'echo a; sleep 0.3; echo b; exit 4' },
    {
      signal: client.signal,
    },
  );
  const reader = response.body?.getReader();
  const first = await reader?.read();
  const id = /"text":"([0-9a-f]{32})"/.exec(Buffer.from(first?.value ?? []).toString())?.[1] ?? '';
  client.abort();
  const events = await readEvents(await execd.request('GET', `/command/${id}/events`));
  expect(texts(events)).toEqual(['a', 'b']);
  const status = (await (await execd.request('GET', `/command/status/${id}`)).json()) as {
    exit_code: number;
  };
  expect(status.exit_code).toBe(4);
});

test('a timeout kills the command with its children and names itself in the traceback', async () => {
  await using execd = await startExecd();
  const events = await execd.run({ command: 'setsid sleep 301 & sleep 302 & sleep 303', timeout: 200 });
  expect(events.at(-1)).toMatchObject({
    error: {
      ename: 'CommandExecError',
      evalue: '-1',
      traceback: ['signal: killed', 'timed out after 200ms'],
    },
  });
  await until(() => processesOf(idOf(events)).length === 0);
});

test('a hundred commands at once all get their own output', async () => {
  await using execd = await startExecd();
  const runs = Array.from({ length: 100 }, (_, index) =>
    execd.run({ command: `echo ${index}; exit ${index}` }),
  );
  const all = await Promise.all(runs);
  expect(all.map((events) => texts(events)[0])).toEqual(
    Array.from({ length: 100 }, (_, index) => String(index)),
  );
  expect(all[42]?.at(-1)).toMatchObject({ error: { evalue: '42' } });
});
