import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { hasProcessGroup, sendSignal, signalTree } from '../../src/os/process-tree.ts';
import { isAlive, startScript } from '../support/processes.ts';
import { until } from '../support/until.ts';

/** Nobody has this process id: it is above the limit of the kernel. */
const NO_PID = 2 ** 22 + 1;

test.each([
  { name: 'a child', script: 'sleep 300 & echo $!; wait' },
  { name: 'a child in a session of its own', script: 'setsid sleep 300 & echo $!; wait' },
  { name: 'a grandchild whose parent is gone', script: '(sleep 300 & echo $!); exec sleep 300' },
  { name: 'a daemon: forked twice, own session', script: '(setsid sleep 300 & echo $!); exec sleep 300' },
  {
    name: 'a child without environment that still has its parent',
    script: 'env -i setsid sleep 300 & echo $!; wait',
  },
  {
    name: 'a process with spaces and parentheses in its name',
    script: 'sh -c \'printf ") Z 1 (" > /proc/self/comm; echo $$; read x\' < /dev/zero & wait',
  },
])('SIGKILL for the tree reaches $name', async ({ script }) => {
  const cookie = crypto.randomUUID();
  await using running = await startScript(script, cookie, 1);
  const { pid } = running.process;
  const [found = 0] = running.printed;
  expect(isAlive(found)).toBe(true);
  expect(signalTree(pid, cookie, 'SIGKILL')).toBe(true);
  await until(() => !isAlive(found) && !isAlive(pid));
  expect(await running.process.exited).toEqual({ signal: 'SIGKILL' });
});

test('a daemon is found by its cookie after the leader has ended, too', async () => {
  const cookie = crypto.randomUUID();
  await using running = await startScript('setsid sleep 300 >/dev/null 2>&1 & echo $!', cookie, 1);
  await running.process.exited;
  const [daemon = 0] = running.printed;
  expect(signalTree(running.process.pid, cookie, 'SIGKILL')).toBe(true);
  await until(() => !isAlive(daemon));
});

test('a daemon that threw its environment away cannot be found', async () => {
  const cookie = crypto.randomUUID();
  const script = '(env -i setsid sleep 300 >/dev/null 2>&1 & echo $!)';
  await using running = await startScript(script, cookie, 1);
  await running.process.exited;
  const [daemon = 0] = running.printed;
  // At first it is still the shell's child, in its session and with its environment.
  await until(() => readFileSync(`/proc/${daemon}/cmdline`, 'latin1').startsWith('sleep'));
  expect(signalTree(running.process.pid, cookie, 'SIGKILL')).toBe(false);
  expect(isAlive(daemon)).toBe(true);
});

test('another execution is not touched', async () => {
  await using one = await startScript('setsid sleep 300 & echo $!; wait', 'one', 1);
  await using other = await startScript('setsid sleep 300 & echo $!; wait', 'one-more', 1);
  signalTree(one.process.pid, 'one', 'SIGKILL');
  await one.process.exited;
  expect(isAlive(other.process.pid)).toBe(true);
  expect(isAlive(other.printed[0] ?? 0)).toBe(true);
});

test('a milder signal reaches the tree as well', async () => {
  const cookie = crypto.randomUUID();
  await using running = await startScript('setsid sleep 300 & echo $!; wait', cookie, 1);
  expect(signalTree(running.process.pid, cookie, 'SIGTERM')).toBe(true);
  expect(await running.process.exited).toEqual({ signal: 'SIGTERM' });
  await until(() => !isAlive(running.printed[0] ?? 0));
});

test('a tree that is gone is false, not an error', async () => {
  const cookie = crypto.randomUUID();
  await using running = await startScript('exit 0', cookie, 0);
  await running.process.exited;
  expect(signalTree(running.process.pid, cookie, 'SIGKILL')).toBe(false);
  expect(signalTree(running.process.pid, undefined, 'SIGTERM')).toBe(false);
});

test('a group is there as long as any member is', async () => {
  await using running = await startScript('sleep 300 >/dev/null 2>&1 & echo $!', 'group', 1);
  const { pid } = running.process;
  await running.process.exited;
  expect(hasProcessGroup(pid)).toBe(true);
  expect(sendSignal(-pid, 'SIGKILL')).toBe(true);
  await until(() => !isAlive(running.printed[0] ?? 0));
  expect(hasProcessGroup(pid)).toBe(false);
});

test('a signal for nobody is false, not an error', () => {
  expect(sendSignal(NO_PID, 0)).toBe(false);
  expect(sendSignal(-NO_PID, 'SIGTERM')).toBe(false);
  expect(hasProcessGroup(NO_PID)).toBe(false);
  expect(sendSignal(process.pid, 0)).toBe(true);
});

test('a process of another user, whom we may not signal, is there but not reached', async ({ skip }) => {
  skip(process.getuid?.() !== 0, 'only root can become somebody who may not signal');
  const module = new URL('../../src/os/process-tree.ts', import.meta.url).href;
  // Read as root, run as nobody: the sources may lie where nobody may not look.
  const asNobody = `const tree = await import(${JSON.stringify(module)}); process.setgroups([]); process.setgid(65534); process.setuid(65534); console.log(tree.sendSignal(${process.pid}, 0), tree.sendSignal(${process.pid}, 'SIGTERM'));`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', asNobody]);
  expect(stdout).toBe('true false\n');
});
