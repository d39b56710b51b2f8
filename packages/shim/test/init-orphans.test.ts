import { beforeEach, expect, test } from 'vitest';
import {
  AS_PID_1,
  SHIM,
  childrenOf,
  initOf,
  isAlive,
  printed,
  run,
  statusField,
  until,
} from './support/init-process.ts';

const ORPHANS = 200;
/** Starts orphans that stay, says so, and waits for a line. */
const WITH_ORPHANS = `for i in $(seq ${ORPHANS}); do (sleep 600 &); done; echo ready; read -r line; exit 5`;

beforeEach(({ skip }) => {
  skip(process.geteuid?.() !== 0, 'only root can make somebody PID 1');
});

test.each([
  { name: 'PID 1', prefix: AS_PID_1, options: [] },
  { name: 'a subreaper', prefix: [], options: ['-s'] },
])('$name reaps 200 orphans and leaves no zombie', async ({ prefix, options }) => {
  await using running = run([...prefix, SHIM, 'init', ...options, '--', 'sh', '-c', WITH_ORPHANS]);
  await printed(running, 'ready');
  const init = await initOf(running);
  await until(() => childrenOf(init).length === 1 + ORPHANS);
  const orphans = childrenOf(init).filter((pid) => statusField(pid, 'Name') === 'sleep');
  expect(orphans).toHaveLength(ORPHANS);
  for (const pid of orphans) process.kill(pid, 'SIGKILL');
  // Zombies are children, too.
  await until(() => childrenOf(init).length === 1);
  running.stdin.end('\n');
  expect(await running.ended).toBe(5);
});

test('orphans that end by the thousand while signals come: all are reaped, the end is the command’s', async () => {
  const script = 'trap "stop=1" TERM; echo ready; while [ -z "$stop" ]; do (true &); done; exit 6';
  await using running = run([SHIM, 'init', '-s', '--', 'sh', '-c', script]);
  await printed(running, 'ready');
  for (let count = 0; count < 1_000; count += 1) process.kill(running.pid, 'SIGWINCH');
  process.kill(running.pid, 'SIGTERM');
  expect(await running.ended).toBe(6);
});

test('neither PID 1 nor a subreaper: orphans are somebody else’s', async () => {
  await using running = run([
    SHIM,
    'init',
    '--',
    'sh',
    '-c',
    '(sleep 600 & echo $!); echo ready; read -r line',
  ]);
  await printed(running, 'ready');
  const orphan = Number(running.lines[0]);
  expect(childrenOf(running.pid)).toHaveLength(1);
  expect(statusField(orphan, 'PPid')).not.toBe(String(running.pid));
  process.kill(orphan, 'SIGKILL');
  running.stdin.end('\n');
  expect(await running.ended).toBe(0);
});

test('PID 1 ends with the command, and the kernel kills who is left', async () => {
  const script = '(setsid sh -c "trap true TERM; sleep 600; true" &); echo ready; read -r line; exit 4';
  await using running = run([...AS_PID_1, SHIM, 'init', '--', 'sh', '-c', script]);
  await printed(running, 'ready');
  const init = await initOf(running);
  await until(() => childrenOf(init).length === 2);
  const [, left = 0] = childrenOf(init);
  expect(isAlive(left)).toBe(true);
  running.stdin.end('\n');
  // stdout ends as well, so nobody holds it any more.
  expect(await running.ended).toBe(4);
  expect(isAlive(left)).toBe(false);
});

test('a subreaper ends with the command and leaves the others running', async () => {
  const script = '(sleep 600 >/dev/null 2>&1 & echo $!); exit 4';
  await using running = run([SHIM, 'init', '-s', '--', 'sh', '-c', script]);
  expect(await running.ended).toBe(4);
  const left = Number(running.lines[0]);
  expect(isAlive(left)).toBe(true);
  process.kill(left, 'SIGKILL');
});

test('how an orphan ended is not mistaken for the end of the command', async () => {
  const script =
    '(sh -c "exit 9" &) ; (sh -c "kill -9 \\$\\$" &); sleep 0.2; echo ready; read -r line; exit 3';
  await using running = run([SHIM, 'init', '-s', '--', 'sh', '-c', script]);
  await printed(running, 'ready');
  await until(() => childrenOf(running.pid).length === 1);
  running.stdin.end('\n');
  expect(await running.ended).toBe(3);
});
