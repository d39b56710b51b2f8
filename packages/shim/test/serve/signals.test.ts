import { writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { encodeRelease, encodeSignal, encodeSpawn } from '../../src/frames.ts';
import { abstractName } from '../support/listening.ts';
import { descendantsOf, isAlive, kill, statOf } from '../support/processes.ts';
import { execution, program, script } from '../support/requests.ts';
import type { RunningChild } from '../support/running-child.ts';
import { Serve } from '../support/serve.ts';
import { until } from '../support/until.ts';

const [SIGHUP, SIGINT, SIGKILL, SIGUSR1, SIGTERM, SIGCONT, SIGSTOP] = [1, 2, 9, 10, 15, 18, 19];
const SLEEP = program(['/bin/sleep', '300']);
const HEIR_LIMIT_MS = 10_000;
/** Start times are told in these. */
const CLOCK_TICK_MS = 10;
/** A leader that starts two children in its group, names them, and takes no notice of signals but SIGKILL. */
const FAMILY = 'trap "" USR1; sleep 300 & echo $!; sleep 300 & echo $!; wait; wait; sleep 300';

describe('signal', () => {
  test('to the leader alone', async () => {
    await using serve = await Serve.start();
    const running = await serve.start(script(FAMILY));
    const children = await running.printedPids(2);
    expect(await running.child.signal(SIGTERM, 'leader')).toEqual({ reached: 1, left: 0 });
    expect((await running.child.exited).value).toBe(SIGTERM);
    expect(children.map(isAlive)).toEqual([true, true]);
  });

  test('to the group, without those who left it', async () => {
    await using serve = await Serve.start();
    const running = await serve.start(script('sleep 300 & echo $!; setsid sleep 300 & echo $!; wait'));
    const [member = 0, stranger = 0] = await running.printedPids(2);
    await until(() => statOf(stranger)?.session === stranger);
    expect((await running.child.signal(SIGTERM, 'group')).reached).toBeGreaterThanOrEqual(1);
    expect((await running.child.exited).value).toBe(SIGTERM);
    await until(() => !isAlive(member));
    expect(isAlive(stranger)).toBe(true);
  });

  test('to the tree, with those who left the group', async () => {
    await using serve = await Serve.start();
    const text = 'sleep 300 & echo $!; setsid sleep 300 & echo $!; (setsid sleep 300 & echo $!); wait';
    const running = await serve.start(script(text, { environment: execution().environment }));
    const children = await running.printedPids(3);
    await until(() => descendantsOf(serve.pid).length === 4);
    expect(await running.child.signal(SIGTERM, 'tree')).toEqual({ reached: 4, left: 0 });
    expect((await running.child.exited).value).toBe(SIGTERM);
    await until(() => !children.some(isAlive));
  });

  test('a handler runs, and the child decides', async () => {
    await using serve = await Serve.start();
    const text = 'trap "echo hup" HUP; trap "echo int; exit 5" INT; echo ready; while :; do sleep 0.01; done';
    const running = await serve.start(script(text));
    await running.printed(1);
    await running.child.signal(SIGHUP, 'leader');
    await running.printed(2);
    await running.child.signal(SIGINT, 'leader');
    expect(await running.finish()).toMatchObject({
      stdout: 'ready\nhup\nint\n',
      exit: { how: 'code', value: 5 },
    });
  });

  test('stop and continue, for the leader, the group and the tree', async () => {
    await using serve = await Serve.start();
    const running = await serve.start(script(FAMILY));
    const [first = 0, second = 0] = await running.printedPids(2);
    const states = () => [running.pid, first, second].map((pid) => statOf(pid)?.state);
    for (const [scope, stopped] of [
      ['leader', ['T', 'S', 'S']],
      ['group', ['T', 'T', 'T']],
      ['tree', ['T', 'T', 'T']],
    ] as const) {
      await running.child.signal(SIGSTOP, scope);
      await until(() => states().join() === stopped.join());
      await running.child.signal(SIGCONT, scope);
      await until(() => states().join() === 'S,S,S');
    }
    // A stop is no end, and a stopped child can be killed.
    await running.child.signal(SIGSTOP, 'tree');
    expect(await running.child.signal(SIGKILL, 'tree')).toEqual({ reached: 3, left: 0 });
    expect((await running.child.exited).value).toBe(SIGKILL);
  });

  test('to a child that has ended: nobody, or who is left of its group', async () => {
    await using serve = await Serve.start();
    const alone = await serve.start(script('exit 1'));
    await alone.child.exited;
    for (const scope of ['leader', 'group', 'tree'] as const) {
      expect(await alone.child.signal(SIGTERM, scope), scope).toEqual({ reached: 0, left: 0 });
      expect(await alone.child.signal(SIGKILL, scope), scope).toEqual({ reached: 0, left: 0 });
    }
    const survived = await serve.start(script('sleep 300 & echo $!; sleep 300 & echo $!; exit 1'));
    const { value } = await survived.child.exited;
    const left = await survived.printedPids(2);
    expect(value).toBe(1);
    expect(await survived.child.signal(SIGTERM, 'leader')).toEqual({ reached: 0, left: 0 });
    expect(left.map(isAlive)).toEqual([true, true]);
    expect((await survived.child.signal(SIGTERM, 'group')).reached).toBeGreaterThanOrEqual(1);
    await until(() => !left.some(isAlive));
    expect(await survived.child.signal(SIGTERM, 'group')).toEqual({ reached: 0, left: 0 });
  });

  test('to a child that was released: nobody', async () => {
    await using serve = await Serve.startListening({ listen: abstractName() });
    await using daemon = await serve.reconnectRaw();
    daemon.send(encodeSpawn(1, program(['/bin/sleep', '300'])));
    const { pid } = await daemon.hears('started', 1);
    daemon.send(encodeRelease(1), encodeSignal(1, 5, SIGKILL, 'leader'), encodeSignal(1, 6, SIGKILL, 'tree'));
    daemon.send(encodeSpawn(2, program(['/bin/true'])));
    await daemon.hears('exited', 2);
    const reached = daemon.told.flatMap((told) => {
      if (told.type === 'signaled') return [told.reached];
      return told.type === 'swept' ? [told.killed, told.left] : [];
    });
    expect(reached.filter((count) => count !== 0)).toEqual([]);
    expect(isAlive(pid)).toBe(true);
  });

  test('answers name their requests, and come in the order of the requests', async () => {
    await using serve = await Serve.startListening({ listen: abstractName() });
    await using daemon = await serve.reconnectRaw();
    daemon.send(encodeSpawn(1, script('trap "" USR1; echo ready; sleep 300 & wait')));
    await until(() => daemon.output(1).toString() === 'ready\n');
    const requests = [0xffff_ffff, 0, 77];
    daemon.send(...requests.map((request) => encodeSignal(1, request, SIGUSR1, 'leader')));
    await until(() => daemon.told.filter(({ type }) => type === 'signaled').length === 3);
    const answers = daemon.told.filter((told) => told.type === 'signaled');
    expect(answers).toEqual(requests.map((request) => ({ type: 'signaled', id: 1, request, reached: 1 })));
    daemon.send(encodeSignal(1, 5, SIGKILL, 'tree'));
    expect(await daemon.hears('swept', 1)).toMatchObject({ request: 5, killed: 2, left: 0 });
  });

  test('SIGKILL to the tree is answered with the truth also when the child is released at once', async () => {
    await using serve = await Serve.start();
    const family = 'i=0; while [ $i -lt 100 ]; do sleep 300 & i=$((i+1)); done; wait';
    const running = await serve.start(script(family));
    await until(() => descendantsOf(serve.pid).length === 101);
    const swept = running.child.signal(SIGKILL, 'tree');
    running.child.release();
    expect(await swept).toEqual({ reached: 101, left: 0 });
    expect(descendantsOf(serve.pid)).toEqual([]);
  });

  test.for([
    { signal: SIGTERM, scope: 'leader' },
    { signal: SIGTERM, scope: 'group' },
    { signal: SIGTERM, scope: 'tree' },
    { signal: SIGKILL, scope: 'leader' },
    { signal: SIGKILL, scope: 'group' },
    { signal: SIGKILL, scope: 'tree' },
  ] as const)(
    '$signal to the $scope of an ended child does not reach who has its pid now',
    async ({ signal, scope }, { skip }) => {
      await using serve = await Serve.start();
      const ended = await serve.start(script('exit 0'));
      await ended.child.exited;
      const heir = await heirOf(serve, ended.pid);
      skip(heir === undefined, 'the kernel does not let us choose the next pid');
      expect(await ended.child.signal(signal, scope)).toEqual({ reached: 0, left: 0 });
      expect(isAlive(ended.pid)).toBe(true);
    },
  );

  test.for(['group', 'tree'] as const)(
    'SIGKILL to the %s of an ended child does not reach what who had its pid later left behind',
    async (scope, { skip }) => {
      await using serve = await Serve.start();
      const ended = await serve.start(script('exit 0'));
      await ended.child.exited;
      const heir = await heirOf(serve, ended.pid, script('sleep 300 & echo $!; exit 0'));
      skip(heir === undefined, 'the kernel does not let us choose the next pid');
      const [leftover = 0] = (await heir?.printedPids(1)) ?? [];
      await heir?.child.exited;
      expect(await ended.child.signal(SIGKILL, scope)).toEqual({ reached: 0, left: 0 });
      expect(isAlive(leftover)).toBe(true);
    },
  );
});

/**
 * Another child with the same pid; undefined where the next pid cannot be chosen. Others start processes, too, so it takes
 * attempts. A pid comes back after a while only, so that its start time tells who is meant.
 */
async function heirOf(serve: Serve, pid: number, request = SLEEP): Promise<RunningChild | undefined> {
  await delay(CLOCK_TICK_MS * 3);
  const deadline = Date.now() + HEIR_LIMIT_MS;
  while (Date.now() < deadline) {
    try {
      writeFileSync('/proc/sys/kernel/ns_last_pid', String(pid - 1));
    } catch {
      return undefined;
    }
    const candidate = await serve.start(request);
    if (candidate.pid === pid) return candidate;
    kill(candidate.pid);
    await candidate.finish();
  }
  throw new Error(`nobody got pid ${pid} in time`);
}
