import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { endingOf, finished, logsOf, startBackground, statusOf } from '../support/commands.ts';
import { idOf, startExecd } from '../support/execd.ts';
import { childProcessTest, shimTest } from '../support/launcher.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const MIB = 1024 * 1024;
const USAGE = ['user_cpu_ms', 'system_cpu_ms', 'peak_rss_bytes'] as const;

shimTest('what a command used is known when it has ended, not before', async () => {
  await using execd = await startExecd();
  const id = await startBackground(execd, { command: 'read line', stdin: true });
  const running = await statusOf(execd, id);
  for (const name of [...USAGE, 'core_dumped', 'oom_killed', 'swept'])
    expect(running).not.toHaveProperty(name);
  await execd.request('POST', `/command/${id}/stdin?close=true`, 'go\n');
  const status = await finished(execd, id);
  for (const name of USAGE) expect(status[name], name).toBeGreaterThanOrEqual(0);
  expect(Number.isInteger(status.peak_rss_bytes)).toBe(true);
  expect(status.peak_rss_bytes).toBeGreaterThan(0);
  expect(status).toMatchObject({ exit_code: 0, oom_killed: false });
  for (const name of ['core_dumped', 'oom_inferred']) expect(status).not.toHaveProperty(name);
});

shimTest('CPU time is that of the command and of the children that it waited for', async () => {
  await using execd = await startExecd();
  // The kernel kills whoever has used a second, which it counts by its ticks.
  const burn = { argv: ['sh', '-c', 'while :; do :; done'], limits: { cpuSeconds: 1 } };
  const own = await endingOf(execd, burn);
  expect((own.user_cpu_ms ?? 0) + (own.system_cpu_ms ?? 0)).toBeGreaterThan(500);
  const ofChild = await endingOf(execd, { ...burn, argv: ['sh', '-c', '(while :; do :; done); exit 0'] });
  expect((ofChild.user_cpu_ms ?? 0) + (ofChild.system_cpu_ms ?? 0)).toBeGreaterThan(500);
  expect(ofChild).toMatchObject({ exit_code: 0 });
  const idle = await endingOf(execd, { command: 'sleep 0.3' });
  expect((idle.user_cpu_ms ?? 900) + (idle.system_cpu_ms ?? 900)).toBeLessThan(250);
});

shimTest('peak memory is in bytes', async () => {
  await using execd = await startExecd();
  const block = (size: string) => ({ argv: ['dd', 'if=/dev/zero', 'of=/dev/null', `bs=${size}`, 'count=1'] });
  const large = await endingOf(execd, block('100M'));
  expect(large.peak_rss_bytes).toBeGreaterThan(100 * MIB);
  expect(large.peak_rss_bytes).toBeLessThan(150 * MIB);
  // Nothing of the daemon's own memory is counted, and nothing of the command before.
  expect((await endingOf(execd, block('1'))).peak_rss_bytes).toBeLessThan(20 * MIB);
});

shimTest('a signal tells whether there is a core', async ({ skip }) => {
  const pattern = readFileSync('/proc/sys/kernel/core_pattern', 'utf8');
  skip(pattern.startsWith('|') || pattern.startsWith('/'), 'cores do not go to the working directory here');
  await using directory = await temporaryDirectory();
  await using execd = await startExecd();
  const cwd = directory.path;
  const none = await endingOf(execd, { command: 'ulimit -S -c 0; kill -SEGV $$', cwd });
  expect(none).toMatchObject({ signal: 'SIGSEGV', error: 'signal: segmentation fault', core_dumped: false });
  const hard = await execd.run({ command: 'ulimit -H -c', cwd });
  skip(!JSON.stringify(hard).includes('unlimited'), 'no core may be written here');
  const events = await execd.run({ command: 'ulimit -S -c unlimited; kill -SEGV $$', cwd });
  const text = 'signal: segmentation fault (core dumped)';
  expect(events.at(-1)).toMatchObject({ error: { evalue: '-1', traceback: [text] } });
  expect(await statusOf(execd, idOf(events))).toMatchObject({
    signal: 'SIGSEGV',
    error: text,
    core_dumped: true,
  });
});

shimTest('a signal that writes no core says so', async () => {
  await using execd = await startExecd();
  const status = await endingOf(execd, { command: 'kill -TERM $$' });
  expect(status).toMatchObject({ signal: 'SIGTERM', core_dumped: false, oom_killed: false });
});

shimTest('a real-time signal has the name that the shell gives it', async () => {
  await using execd = await startExecd();
  for (const offset of [1, 3, 15, 30]) {
    const status = await endingOf(execd, { argv: ['bash', '-c', `kill -s RTMIN+${offset} $$`] });
    expect(status).toMatchObject({ exit_code: -1, signal: `SIGRTMIN+${offset}` });
  }
});

shimTest('the list of commands and the status agree', async () => {
  await using execd = await startExecd();
  const status = await endingOf(execd, { command: 'exit 3' });
  const response = await execd.request('GET', '/command');
  const { commands } = (await response.json()) as { commands: Record<string, unknown>[] };
  expect(commands).toMatchObject([{ id: status.id, exit_code: 3, finished_at: status.finished_at }]);
});

shimTest('contract §3.1: a real-time signal is no success', async () => {
  await using execd = await startExecd();
  const events = await execd.run({ argv: ['bash', '-c', 'kill -s RTMIN+3 $$'] });
  expect(events.at(-1)).toMatchObject({ type: 'error', error: { evalue: '-1' } });
  expect(await statusOf(execd, idOf(events))).toMatchObject({ exit_code: -1 });
});

childProcessTest('without the native launcher nothing is known, and nothing is claimed', async () => {
  await using execd = await startExecd();
  for (const command of ['exit 3', 'kill -SEGV $$']) {
    const status = await endingOf(execd, { command });
    for (const name of [...USAGE, 'core_dumped', 'oom_killed', 'oom_inferred', 'swept'])
      expect(status).not.toHaveProperty(name);
  }
  const id = await startBackground(execd, { command: 'echo out' });
  await finished(execd, id);
  expect(await logsOf(execd, id)).toBe('out\n');
});
