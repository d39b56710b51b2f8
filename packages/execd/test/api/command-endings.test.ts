import { writeFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import {
  endingOf,
  expectPing,
  finished,
  logsOf,
  logsWhen,
  startBackground,
  statusOf,
} from '../support/commands.ts';
import type { Status } from '../support/commands.ts';
import { controlGroup } from '../support/control-group.ts';
import { openStream, startExecd } from '../support/execd.ts';
import { startListening } from '../support/execd-process.ts';
import { onShim, shimTest } from '../support/launcher.ts';
import { mountNamespace } from '../support/mount-namespace.ts';
import { processesOf, processesOfUser } from '../support/processes.ts';
import { restartableExecd } from '../support/restartable-execd.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { isRoot, killAllOf, ownUser } from '../support/test-users.ts';
import { until } from '../support/until.ts';

const MIB = 1024 * 1024;
const NO_GROUP = 'no control group for memory can be made here';

/** How a command ended, everything that tells one ending from another, with what only the native launcher knows. */
function endingIn(status: Status): Record<string, unknown> {
  const { exit_code, signal, killed_by, timed_out, core_dumped, oom_killed, oom_inferred } = status;
  const all = { exit_code, signal, killed_by, timed_out, core_dumped, oom_killed, oom_inferred };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

/** What the native launcher adds to it. */
function onShimOnly(fields: Record<string, unknown>): Record<string, unknown> {
  return onShim ? fields : {};
}

const signaled = { exit_code: -1, timed_out: false };
const noOom = onShimOnly({ oom_killed: false });
const noCore = onShimOnly({ core_dumped: false });

test('ending 1: an exit code', async () => {
  await using execd = await startExecd();
  const status = await endingOf(execd, { command: 'exit 3' });
  expect(endingIn(status)).toEqual({ exit_code: 3, timed_out: false, ...noOom });
});

test('ending 2: a signal of its own', async () => {
  await using execd = await startExecd();
  const status = await endingOf(execd, { command: 'ulimit -S -c 0; kill -SEGV $$' });
  expect(endingIn(status)).toEqual({ ...signaled, signal: 'SIGSEGV', ...noOom, ...noCore });
});

test('ending 3: a timeout', async () => {
  await using execd = await startExecd();
  const status = await endingOf(execd, { command: 'sleep 300', timeout: 100 });
  expect(endingIn(status)).toEqual({
    exit_code: -1,
    signal: 'SIGKILL',
    killed_by: 'timeout',
    timed_out: true,
    ...noOom,
    ...noCore,
  });
});

test('ending 4: an interrupt', async () => {
  await using execd = await startExecd();
  const stream = await openStream(execd, { command: 'echo up; sleep 300' });
  await stream.until('up');
  expect((await execd.request('DELETE', `/command?id=${stream.id}`)).status).toBe(200);
  await stream.rest();
  expect(endingIn(await statusOf(execd, stream.id))).toEqual({
    ...signaled,
    signal: 'SIGTERM',
    killed_by: 'interrupt',
    ...noOom,
    ...noCore,
  });
});

shimTest('ending 5: the kernel ran out of memory for it', async ({ skip }) => {
  await using group = controlGroup('memory');
  if (!group) return skip(NO_GROUP);
  group.limit(200 * MIB);
  await using execd = await startListening([], process.env, undefined, group.wrapper);
  const hog = await endingOf(execd, { argv: ['tail', '/dev/zero'] });
  expect(endingIn(hog)).toEqual({ ...signaled, signal: 'SIGKILL', core_dumped: false, oom_killed: true });
  // The counter of the group stays where it is: the next kill is another matter.
  const killed = await endingOf(execd, { command: 'kill -KILL $$' });
  expect(endingIn(killed)).toEqual({ ...signaled, signal: 'SIGKILL', core_dumped: false, oom_killed: false });
  const timedOut = await endingOf(execd, { command: 'sleep 300', timeout: 50 });
  expect(timedOut).toMatchObject({ killed_by: 'timeout', oom_killed: false });
  expect(endingIn(await endingOf(execd, { argv: ['tail', '/dev/zero'] }))).toEqual(endingIn(hog));
});

shimTest('ending 5: without a counter to read it is a guess, and called one', async ({ skip }) => {
  const hidden = await mountNamespace('mount -t tmpfs none /sys/fs/cgroup');
  await using group = controlGroup('memory');
  if (!group || !hidden) return skip(group ? 'no mounts can be made here' : NO_GROUP);
  group.limit(200 * MIB);
  await using execd = await startListening([], process.env, undefined, [...group.wrapper, ...hidden]);
  const hog = await endingOf(execd, { argv: ['tail', '/dev/zero'] });
  expect(endingIn(hog)).toEqual({
    ...signaled,
    signal: 'SIGKILL',
    core_dumped: false,
    oom_killed: true,
    oom_inferred: true,
  });
  // Where somebody of ours killed it, or it was no SIGKILL at all, there is nothing to guess.
  for (const body of [
    { command: 'sleep 300', timeout: 50 },
    { command: 'kill -TERM $$' },
    { command: 'exit 1' },
  ])
    expect(await endingOf(execd, body)).toMatchObject({ oom_killed: false });
});

shimTest('ending 6: a fork bomb comes to its limit and then to its timeout', async ({ skip }) => {
  skip(!isRoot, 'only root can run a command as somebody else');
  const uid = ownUser();
  await using execd = await startExecd();
  const stream = await openStream(execd, {
    command: 'bomb() { bomb | bomb & }; bomb; sleep 300',
    uid,
    limits: { processes: 60 },
    timeout: 3_000,
  });
  let most = 0;
  try {
    while ((await statusOf(execd, stream.id)).running) {
      await expectPing(execd);
      most = Math.max(most, processesOfUser(uid).length);
    }
    // Half of the limit is a bomb already, and the limit holds.
    expect(most).toBeGreaterThan(30);
    expect(most).toBeLessThanOrEqual(60);
    const status = await statusOf(execd, stream.id);
    expect(status).toMatchObject({ timed_out: true, killed_by: 'timeout', oom_killed: false });
    await until(() => processesOfUser(uid).length === 0);
  } finally {
    killAllOf(uid);
  }
  await stream.leave();
});

shimTest('ending 6: a fork bomb that ends by itself leaves nothing either', async ({ skip }) => {
  skip(!isRoot, 'only root can run a command as somebody else');
  const uid = ownUser();
  await using execd = await startExecd();
  const id = await startBackground(execd, {
    // Its leader only waits for a line: it needs no further process.
    argv: ['sh', '-c', 'bomb() { (bomb) & (bomb) & sleep 300; }; bomb & read line; exit 5'],
    uid,
    limits: { processes: 60 },
    stdin: true,
    detached: 'kill',
  });
  try {
    await until(() => processesOfUser(uid).length > 30);
    await expectPing(execd);
    await execd.request('POST', `/command/${id}/stdin`, 'enough\n');
    const status = await finished(execd, id);
    expect(endingIn(status)).toEqual({ exit_code: 5, timed_out: false, oom_killed: false });
    expect(status.swept).toBeGreaterThan(0);
    expect(processesOfUser(uid)).toEqual([]);
  } finally {
    killAllOf(uid);
  }
});

shimTest('ending 7: the daemon was killed; the command went on to an ending of its own', async () => {
  await using directory = await temporaryDirectory();
  await using execd = await restartableExecd();
  const command = 'echo up; until [ -e go ]; do sleep 0.02; done; echo alone; exit 7';
  const id = await startBackground(execd, { command, cwd: directory.path });
  await logsWhen(execd, id, /up/);
  await execd.crash();
  expect(processesOf(id)).not.toEqual([]);
  await writeFile(`${directory.path}/go`, '');
  await until(() => processesOf(id).length === 0);
  await execd.start();
  expect(endingIn(await finished(execd, id))).toEqual({ exit_code: 7, timed_out: false, oom_killed: false });
  expect(await logsOf(execd, id)).toBe('up\nalone\n');
  await execd.stop();
});

test('ending 7: a daemon that is told to end takes its commands along', async () => {
  await using execd = await startListening();
  const stream = await openStream(execd, { command: 'echo up; sleep 300' });
  await stream.until('up');
  execd.kill('SIGTERM');
  expect((await stream.rest()).at(-1)).toMatchObject({
    error: { evalue: '-1', traceback: ['signal: terminated', 'execd was shut down'] },
  });
  expect(processesOf(stream.id)).toEqual([]);
  expect(await execd.ended).toBe(0);
});
