import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { descendantsOf, isAlive, processesWith } from '../support/processes.ts';
import { execution, program, script } from '../support/requests.ts';
import type { RequestChange } from '../support/requests.ts';
import type { RunningChild } from '../support/running-child.ts';
import { Serve } from '../support/serve.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { BARE_HOP, ESCAPES, HOP, permitIn, staysEmpty } from '../support/trees.ts';
import { until } from '../support/until.ts';

const SIGKILL = 9;
/** Once, such processes may be missed by luck. */
const HOPPING_ROUNDS = 10;
const EVERY_ESCAPE = ESCAPES.map(({ text }) => text).join('\n');

describe('Whole tree', () => {
  test.each(ESCAPES)('SIGKILL reaches $name', async ({ text }) => {
    await using directory = await temporaryDirectory();
    await using serve = await Serve.start();
    const note = join(directory.path, 'note');
    const running = await serve.start(
      script(`${text}\nwait; exec sleep 300`, { environment: execution().environment }, 'sh', note),
    );
    const [escapee = 0] = await noted(note, 1);
    expect(isAlive(escapee)).toBe(true);
    const { reached, left } = await running.child.signal(SIGKILL, 'tree');
    expect(reached).toBeGreaterThanOrEqual(2);
    expect(left).toBe(0);
    expect(isAlive(escapee)).toBe(false);
    expect((await running.child.exited).value).toBe(SIGKILL);
    expect(descendantsOf(serve.pid)).toEqual([]);
  });

  test.each(ESCAPES)('SIGKILL reaches $name after the leader has ended', async ({ text }) => {
    await using directory = await temporaryDirectory();
    await using serve = await Serve.start();
    const note = join(directory.path, 'note');
    const running = await serve.start(
      script(`${text}\nexit 6`, { environment: execution().environment }, 'sh', note),
    );
    expect((await running.child.exited).value).toBe(6);
    const [escapee = 0] = await noted(note, 1);
    const { reached, left } = await running.child.signal(SIGKILL, 'tree');
    expect(reached).toBeGreaterThanOrEqual(1);
    expect(left).toBe(0);
    expect(isAlive(escapee)).toBe(false);
    expect(descendantsOf(serve.pid)).toEqual([]);
  });

  test('other executions and what earlier ones left behind survive', async () => {
    await using directory = await temporaryDirectory();
    await using serve = await Serve.start();
    const early = join(directory.path, 'early');
    const other = join(directory.path, 'other');
    const victim = join(directory.path, 'victim');
    const leftover = await serve.start(
      script(EVERY_ESCAPE, { environment: execution().environment }, 'sh', early),
    );
    await leftover.finish();
    const neighbour = await startTree(serve, other);
    const running = await startTree(serve, victim);
    const survivors = [...(await noted(early, ESCAPES.length)), ...(await noted(other, ESCAPES.length))];
    const victims = await noted(victim, ESCAPES.length);
    expect((await running.child.signal(SIGKILL, 'tree')).left).toBe(0);
    expect(victims.filter(isAlive)).toEqual([]);
    expect(survivors.filter((pid) => !isAlive(pid))).toEqual([]);
    expect(isAlive(neighbour.pid)).toBe(true);
    // A leftover of the killed one was never anybody else's: the neighbour can be killed whole, too.
    expect((await neighbour.child.signal(SIGKILL, 'tree')).left).toBe(0);
    expect((await noted(other, ESCAPES.length)).filter(isAlive)).toEqual([]);
    expect((await noted(early, ESCAPES.length)).filter(isAlive)).toHaveLength(ESCAPES.length);
  });

  test('a neighbour without a cookie is told apart as well', async () => {
    await using directory = await temporaryDirectory();
    await using serve = await Serve.start();
    const [first, second] = [join(directory.path, 'first'), join(directory.path, 'second')];
    const neighbour = await startTree(serve, first, {});
    const running = await startTree(serve, second, {});
    const survivors = await noted(first, ESCAPES.length);
    const victims = await noted(second, ESCAPES.length);
    expect((await running.child.signal(SIGKILL, 'tree')).left).toBe(0);
    expect(victims.filter(isAlive)).toEqual([]);
    expect(survivors.filter((pid) => !isAlive(pid))).toEqual([]);
    expect(isAlive(neighbour.pid)).toBe(true);
  });

  test('two executions that are killed at the same time', async () => {
    await using directory = await temporaryDirectory();
    await using serve = await Serve.start();
    const notes = ['one', 'two', 'survivor'].map((name) => join(directory.path, name));
    const [one, two, survivor] = await Promise.all(notes.map((note) => startTree(serve, note)));
    const pids = await Promise.all(notes.map((note) => noted(note, ESCAPES.length)));
    const results = await Promise.all([
      one?.child.signal(SIGKILL, 'tree'),
      two?.child.signal(SIGKILL, 'tree'),
      one?.child.signal(SIGKILL, 'tree'),
    ]);
    expect(results.map((result) => result?.left)).toEqual([0, 0, 0]);
    expect([...(pids[0] ?? []), ...(pids[1] ?? [])].filter(isAlive)).toEqual([]);
    expect((pids[2] ?? []).filter((pid) => !isAlive(pid))).toEqual([]);
    expect((await two?.child.exited)?.value).toBe(SIGKILL);
    expect((await one?.child.exited)?.value).toBe(SIGKILL);
    expect(isAlive(survivor?.pid ?? 0)).toBe(true);
  });

  test('a tree that grows while it is killed', async () => {
    await using serve = await Serve.start();
    const { environment, entry } = execution();
    const text = 'grow() { [ $1 -gt 0 ] || exec sleep 300; grow $(($1-1)) & grow $(($1-1)) & wait; }; grow 8';
    const running = await serve.start(script(text, { environment }));
    await until(() => processesWith(entry).length > 20);
    expect((await running.child.signal(SIGKILL, 'tree')).left).toBe(0);
    expect(processesWith(entry)).toEqual([]);
    expect(descendantsOf(serve.pid)).toEqual([]);
  });

  test.each([
    { name: 'with their environment', hop: HOP },
    { name: 'without environment', hop: BARE_HOP },
  ])('processes that start their successor and end, all the time, $name', async ({ hop }) => {
    for (let round = 0; round < HOPPING_ROUNDS; round++) {
      await using directory = await temporaryDirectory();
      await using serve = await Serve.start();
      await using permit = permitIn(directory.path);
      const text = 'for i in 1 2 3 4; do sh -c "$1" "$0" "$1"; done; echo started; exec sleep 300';
      const { environment } = execution();
      const running = await serve.start(script(text, { environment }, permit.path, hop));
      await running.printed(1);
      expect((await running.child.signal(SIGKILL, 'tree')).left).toBe(0);
      await staysEmpty(serve);
      expect((await running.child.exited).value).toBe(SIGKILL);
    }
  });

  test('a hundred processes, most of them escaped', async () => {
    await using serve = await Serve.start();
    const text =
      'i=0; while [ $i -lt 100 ]; do (setsid sleep 300 &); i=$((i+1)); done; echo ready; wait; sleep 300';
    const running = await serve.start(script(text, execution()));
    await running.printed(1);
    await until(() => descendantsOf(serve.pid).length === 102);
    expect(await running.child.signal(SIGKILL, 'tree')).toEqual({ reached: 102, left: 0 });
    expect(descendantsOf(serve.pid)).toEqual([]);
  });

  test('a process that only happens to have the cookie in its arguments survives', async () => {
    await using serve = await Serve.start();
    const { environment, entry } = execution();
    const bystander = await serve.start(script('sleep 300; :', {}, entry));
    const similar = await serve.start(script('exec sleep 300', { environment: { [`X_${entry}`]: '1' } }));
    const longer = await serve.start(
      script('exec sleep 300', {
        environment: { ...environment, OPENSANDBOX_EXEC_ID: `${environment['OPENSANDBOX_EXEC_ID']}x` },
      }),
    );
    const running = await serve.start(script('exec sleep 300', { environment }));
    expect(await running.child.signal(SIGKILL, 'tree')).toEqual({ reached: 1, left: 0 });
    for (const { pid } of [bystander, similar, longer]) expect(isAlive(pid)).toBe(true);
  });
});

describe('Tag', () => {
  test('is not given to another child while it may be needed: what 4,100 later ones left behind survives', async () => {
    await using directory = await temporaryDirectory();
    await using serve = await Serve.start();
    const note = join(directory.path, 'note');
    const running = await serve.start(
      program(['/bin/sleep', '300'], { environment: execution().environment }),
    );
    const ended = await serve.start(program(['/bin/true'], { environment: execution().environment }));
    await ended.child.exited;
    await runInBatches(serve, 4090);
    const escape = ESCAPES.find(({ name }) => name === 'a daemon without environment')?.text ?? '';
    for (let count = 0; count < 10; count++) {
      await serve.run(script(`${escape}\nexit 0`, { environment: execution().environment }, 'sh', note));
    }
    const leftovers = await noted(note, 10);
    expect(await running.child.signal(SIGKILL, 'tree')).toEqual({ reached: 1, left: 0 });
    expect(await ended.child.signal(SIGKILL, 'tree')).toEqual({ reached: 0, left: 0 });
    expect(leftovers.filter(isAlive)).toHaveLength(10);
  }, 60_000);
});

/** Runs so many programs that do nothing. */
async function runInBatches(serve: Serve, count: number): Promise<void> {
  for (let left = count; left > 0; left -= 30) {
    await Promise.all(Array.from({ length: Math.min(30, left) }, () => serve.run(program(['/bin/true']))));
  }
}

/** Starts a leader with one of each escapee. */
async function startTree(
  serve: Serve,
  note: string,
  change: RequestChange = execution(),
): Promise<RunningChild> {
  return serve.start(script(`${EVERY_ESCAPE}\nwait; exec sleep 300`, change, 'sh', note));
}

/** Waits until so many processes have noted their pids in the file. */
async function noted(note: string, count: number): Promise<number[]> {
  const read = () => {
    try {
      return readFileSync(note, 'utf8').split('\n').slice(0, -1).map(Number);
    } catch {
      // Nobody was there yet.
      return [];
    }
  };
  await until(() => read().length >= count);
  return read();
}
