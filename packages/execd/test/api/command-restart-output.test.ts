import { existsSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { expect } from 'vitest';
import { finished, logsWhen, startBackground, statusOf, statusWhen } from '../support/commands.ts';
import type { Status } from '../support/commands.ts';
import { idOf, openStream } from '../support/execd.ts';
import { childProcessTest, shimTest } from '../support/launcher.ts';
import { processesOf } from '../support/processes.ts';
import { isLine, replay, replayAll, timeless } from '../support/replay.ts';
import type { Frame } from '../support/replay.ts';
import { restartableExecd } from '../support/restartable-execd.ts';
import type { RestartableExecd } from '../support/restartable-execd.ts';
import { until } from '../support/until.ts';

/** What the launcher keeps of each command's output. */
const KEPT_BYTES = 1024 * 1024;

/** All output of `seq 1 last`. */
function numbersTo(last: number): string {
  return Array.from({ length: last }, (_, index) => `${index + 1}\n`).join('');
}

/** Whether execd itself has read that much of the command's stdout. */
function hasRead(bytes: number): (status: Status) => boolean {
  return ({ output_bytes }) => output_bytes.stdout >= bytes;
}

async function logsFrom(execd: RestartableExecd, id: string, cursor: number) {
  const response = await execd.request('GET', `/command/${id}/logs?cursor=${cursor}`);
  return {
    text: await response.text(),
    next: Number(response.headers.get('execd-commands-tail-cursor')),
    start: Number(response.headers.get('execd-commands-log-start')),
  };
}

shimTest(
  'a killed execd: all output is there from the start, with the same ids, and then goes on',
  async () => {
    await using execd = await restartableExecd();
    const stream = await openStream(execd, {
      command: `echo one; echo err >&2; sleep 0.1; echo two; printf half; until [ -e go ]; do sleep 0.02; done
      echo ' line'; echo late >&2; sleep 0.1; exit 4`,
      cwd: execd.temporary,
    });
    await statusWhen(execd, stream.id, hasRead('one\ntwo\nhalf'.length));
    const before = await readUntil(execd, stream.id, isLine('two'));
    expect(before).toHaveLength(4);
    await execd.restart();
    await using reader = await replay(execd, stream.id);
    expect(timeless(await reader.until(isLine('two')))).toEqual(timeless(before));
    expect(await statusOf(execd, stream.id)).toMatchObject({
      running: true,
      truncated: false,
      output_bytes: { stdout: 12, stderr: 4 },
    });
    await writeFile(`${execd.temporary}/go`, '');
    const all = await reader.rest();
    expect(timeless(all.slice(before.length))).toMatchObject([
      { id: 5, type: 'stdout', text: 'half line' },
      { id: 6, type: 'stderr', text: 'late' },
      { id: 7, type: 'error', error: { evalue: '4' } },
    ]);
    await rm(`${execd.temporary}/go`);
    await execd.stop();
  },
);

shimTest('a killed execd: init is the same event as before', async () => {
  await using execd = await restartableExecd();
  const id = await startBackground(execd, { command: 'read line', stdin: true });
  const [before] = await readUntil(execd, id, () => true);
  await execd.restart();
  const [after] = await readUntil(execd, id, () => true);
  expect(after).toEqual(before);
  await execd.stop();
});

shimTest(
  'a killed execd: a line end, a character and a line that were cut by it come out whole',
  async () => {
    await using execd = await restartableExecd();
    const parts = [String.raw`a\r`, String.raw`\nb\303`, String.raw`\244c\r`, String.raw`\rd\n\n`];
    const command = parts.map((part) => `printf '${part}'; read line`).join('; ');
    const id = await startBackground(execd, { command, stdin: true });
    let bytes = 0;
    for (const length of [2, 3, 3, 4]) {
      bytes += length;
      await statusWhen(execd, id, hasRead(bytes));
      await execd.restart();
      await execd.request('POST', `/command/${id}/stdin`, 'go\n');
    }
    const frames = await replayAll(execd, id);
    expect(frames.map(({ event }) => ('text' in event ? event.text : event.type)).slice(1)).toEqual([
      'a',
      'bäc',
      '\n',
      'd',
      '\n',
      'execution_complete',
    ]);
    await execd.stop();
  },
);

shimTest(
  'a reader that a kill cut off goes on behind its last id, and nothing is lost or told twice',
  async () => {
    await using execd = await restartableExecd();
    const command =
      'i=0; while [ $i -lt 20000 ]; do i=$((i+1)); echo $i; [ $((i%100)) != 0 ] || sleep 0.02; done';
    const id = idOf(await execd.run({ command, background: true }));
    const seen: Frame[] = [];
    for (const stop of ['1000', '5000', '9000']) {
      await using reader = await replay(execd, id, seen.at(-1)?.id ?? 0);
      seen.push(...(await reader.until(isLine(stop))));
      await execd.restart();
    }
    seen.push(...(await replayAll(execd, id, seen.at(-1)?.id)));
    expect(seen.map((frame) => frame.id)).toEqual(seen.map((_, index) => index + 1));
    const lines = seen.slice(1, -1).map(({ event }) => ('text' in event ? event.text : event.type));
    expect(lines.map((text) => `${text}\n`).join('')).toBe(numbersTo(20_000));
    expect(seen.at(-1)?.event.type).toBe('execution_complete');
    await execd.stop();
  },
);

shimTest('a killed execd: the logs go on behind the cursor', async () => {
  await using execd = await restartableExecd();
  const command = "printf 'äöü\\n12345'; read line; echo ' and more'";
  const id = await startBackground(execd, { command, stdin: true });
  await logsWhen(execd, id, /12345/);
  const first = await logsFrom(execd, id, 0);
  expect(first).toEqual({ text: 'äöü\n12345', next: 12, start: 0 });
  await execd.restart();
  expect(await logsFrom(execd, id, 12)).toMatchObject({ text: '', next: 12 });
  await execd.request('POST', `/command/${id}/stdin`, 'go\n');
  await finished(execd, id);
  expect(await logsFrom(execd, id, 12)).toMatchObject({ text: ' and more\n', next: 22 });
  expect(await logsFrom(execd, id, 0)).toMatchObject({ text: 'äöü\n12345 and more\n', next: 22 });
  await execd.stop();
});

shimTest('a killed execd: what it had read is there from the start, however much it is', async () => {
  await using execd = await restartableExecd();
  const last = 300_000;
  const command = `seq 1 ${last}; read line; echo after`;
  const id = await startBackground(execd, { command, stdin: true });
  const output = numbersTo(last);
  await statusWhen(execd, id, hasRead(output.length));
  await execd.restart();
  await execd.request('POST', `/command/${id}/stdin`, 'go\n');
  expect(await finished(execd, id)).toMatchObject({ truncated: false, exit_code: 0 });
  expect(await logsFrom(execd, id, 0)).toMatchObject({ text: `${output}after\n`, start: 0 });
  for (const after of [1, 1000, 200_000, last]) {
    const [next] = await readUntil(execd, id, () => true, after);
    // The first event is init, so that each number has an id one above itself: before the kill and after it.
    expect(next).toMatchObject({ id: after + 1, event: { text: String(after) } });
  }
  const frames = await replayAll(execd, id);
  expect(frames.map((frame) => frame.id)).toEqual(frames.map((_, index) => index + 1));
  expect(frames).toHaveLength(last + 3);
  await execd.stop();
});

shimTest(
  'a killed execd: what nobody read is kept as far as it goes, and the rest is known to be lost',
  async () => {
    await using execd = await restartableExecd();
    const { temporary: cwd } = execd;
    const last = 300_000;
    const command = `echo first; until [ -e go ]; do sleep 0.02; done; seq 1 ${last}; touch done; read line; echo after`;
    const id = await startBackground(execd, { command, cwd, stdin: true });
    await logsWhen(execd, id, /first/);
    await execd.crash();
    await writeFile(`${cwd}/go`, '');
    // A writer does not wait for a daemon to come.
    await until(() => existsSync(`${cwd}/done`));
    await execd.start();
    await execd.request('POST', `/command/${id}/stdin`, 'go\n');
    expect(await finished(execd, id)).toMatchObject({ truncated: true, exit_code: 0 });
    const gone = await execd.request('GET', `/command/${id}/events?after=2`);
    const { code, oldest_id: oldest } = (await gone.json()) as { code: string; oldest_id: number };
    expect([gone.status, code]).toEqual([410, 'EVENTS_GONE']);
    expect((await execd.request('GET', `/command/${id}/events?after=${oldest - 2}`)).status).toBe(410);
    const frames = await replayAll(execd, id, oldest - 1);
    expect(frames.map((frame) => frame.id)).toEqual(frames.map((_, index) => oldest + index));
    const lines = frames.slice(0, -1).map(({ event }) => ('text' in event ? event.text : event.type));
    const output = `first\n${numbersTo(last)}after\n`;
    const kept = lines.map((text) => `${text}\n`).join('');
    // Whole lines only.
    expect(output.endsWith(`\n${kept}`), `from ${lines[0]} on`).toBe(true);
    expect(kept.length).toBeGreaterThan(KEPT_BYTES - 64 * 1024);
    const logs = await logsFrom(execd, id, 0);
    expect(logs.next).toBe(output.length);
    expect(output.slice(logs.start)).toBe(logs.text);
    expect(logs.text.length).toBeGreaterThan(KEPT_BYTES - 64 * 1024);
    await Promise.all(['go', 'done'].map((name) => rm(`${cwd}/${name}`)));
    await execd.stop();
  },
);

shimTest('a killed execd: output does not wait for the next one', async () => {
  await using execd = await restartableExecd();
  const last = 500_000;
  const command = `read line; seq 1 ${last}; exit 6`;
  const id = await startBackground(execd, { command, stdin: true });
  await execd.request('POST', `/command/${id}/stdin`, 'go\n');
  await execd.crash();
  await until(() => processesOf(id).length === 0);
  await execd.start();
  expect(await finished(execd, id)).toMatchObject({ exit_code: 6, truncated: true });
  const { text, start, next } = await logsFrom(execd, id, 0);
  const output = numbersTo(last);
  expect(next).toBe(output.length);
  expect(output.slice(start)).toBe(text);
  await execd.stop();
});

childProcessTest('without the native launcher output ends with execd', async () => {
  await using execd = await restartableExecd();
  const id = await startBackground(execd, { command: 'echo before; read line', stdin: true });
  await logsWhen(execd, id, /before/);
  await execd.restart();
  expect((await execd.request('GET', `/command/${id}/events`)).status).toBe(404);
  await until(() => processesOf(id).length === 0);
  await execd.stop();
});

/** The events from the one behind `after` to this one, by a reader that then leaves. */
async function readUntil(
  execd: RestartableExecd,
  id: string,
  condition: (frame: Frame) => boolean,
  after = 0,
): Promise<Frame[]> {
  await using reader = await replay(execd, id, after);
  return [...(await reader.until(condition))];
}
