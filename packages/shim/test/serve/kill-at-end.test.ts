import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { abstractName } from '../support/listening.ts';
import { descendantsOf, isAlive, statOf } from '../support/processes.ts';
import { execution, script } from '../support/requests.ts';
import { Serve } from '../support/serve.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { ESCAPES, HOP, becomesEmpty, permitIn } from '../support/trees.ts';
import { until } from '../support/until.ts';

const SIGKILL = 9;
/** Two processes in the group, one in a session of its own. */
const LEAVERS = 'sleep 300 & echo $!; sleep 300 & echo $!; setsid sleep 300 & echo $!; read go; exit 6';

describe('spawn: SIGKILL at the end of the leader', () => {
  test.each([
    { killAtEnd: undefined, alive: [true, true, true], killed: 0 },
    { killAtEnd: 'group', alive: [false, false, true], killed: 2 },
    { killAtEnd: 'tree', alive: [false, false, false], killed: 3 },
  ] as const)(
    'to the $killAtEnd, which is gone when the end is told',
    async ({ killAtEnd, alive, killed }) => {
      await using serve = await Serve.start();
      const request = script(LEAVERS, { stdin: 'pipe', killAtEnd, environment: execution().environment });
      const running = await serve.start(request);
      const left = await running.printedPids(3);
      await until(() => statOf(left[2] ?? 0)?.session === left[2]);
      expect(left.map(isAlive)).toEqual([true, true, true]);
      await running.child.write(Buffer.from('\n'));
      expect(await running.child.exited).toMatchObject({ how: 'code', value: 6, killedAtEnd: killed });
      await until(() => left.filter(isAlive).length === alive.filter(Boolean).length);
      expect(left.map(isAlive)).toEqual(alive);
    },
  );

  test('every escapee', async () => {
    await using directory = await temporaryDirectory();
    await using serve = await Serve.start();
    const note = join(directory.path, 'note');
    const text = `${ESCAPES.map((escape) => escape.text).join('\n')}
      while [ $(wc -l < "$1") -lt ${ESCAPES.length} ]; do sleep 0.01; done 2>/dev/null; exit 0`;
    const environment = execution().environment;
    const running = await serve.start(script(text, { killAtEnd: 'tree', environment }, 'sh', note));
    const { value, killedAtEnd } = await running.child.exited;
    expect(value).toBe(0);
    expect(killedAtEnd).toBeGreaterThanOrEqual(ESCAPES.length);
    const escapees = readFileSync(note, 'utf8').split('\n').slice(0, -1).map(Number);
    expect(escapees).toHaveLength(ESCAPES.length);
    await until(() => !escapees.some(isAlive));
    expect(descendantsOf(serve.pid)).toEqual([]);
  });

  test('processes that start their successor and end, all the time', async () => {
    for (let round = 0; round < 10; round++) {
      await using directory = await temporaryDirectory();
      await using serve = await Serve.start();
      await using permit = permitIn(directory.path);
      const text = 'for i in 1 2 3 4; do sh -c "$1" "$0" "$1"; done; exit 0';
      const { environment } = execution();
      const running = await serve.start(script(text, { killAtEnd: 'tree', environment }, permit.path, HOP));
      await running.child.exited;
      await becomesEmpty(serve);
    }
  });

  test('also when the leader is killed', async () => {
    await using serve = await Serve.start();
    const environment = execution().environment;
    const running = await serve.start(script(LEAVERS, { stdin: 'pipe', killAtEnd: 'tree', environment }));
    const left = await running.printedPids(3);
    await running.child.signal(SIGKILL, 'leader');
    expect(await running.child.exited).toMatchObject({ how: 'signal', value: SIGKILL, killedAtEnd: 3 });
    await until(() => !left.some(isAlive));
  });

  test('also without a daemon', async () => {
    await using serve = await Serve.start({ listen: abstractName() });
    const environment = execution().environment;
    const text = 'sleep 300 & echo $!; setsid sleep 300 & echo $!; read go; exit 6';
    const running = await serve.start(script(text, { stdin: 'pipe', killAtEnd: 'tree', environment }));
    const left = await running.printedPids(2);
    await serve.abandon();
    process.kill(running.pid, 'SIGTERM');
    await until(() => !left.some(isAlive));
    await serve.reconnect();
    const exit = await serve.connection.adopted[0]?.child.exited;
    expect(exit).toMatchObject({ how: 'signal', value: 15, killedAtEnd: 2 });
  });

  test('the group of another child and the pipe of this one are left alone', async () => {
    await using serve = await Serve.start();
    const other = await serve.start(script('sleep 300 & echo $!; wait'));
    const [neighbour = 0] = await other.printedPids(1);
    const { stdout, exit } = await serve.run(
      script('yes & sleep 0.05; exit 1', { killAtEnd: 'group', environment: execution().environment }),
    );
    expect(exit).toMatchObject({ value: 1, killedAtEnd: 1 });
    expect(stdout).toMatch(/^(?:y\n)+y?$/);
    expect(isAlive(neighbour)).toBe(true);
    expect(isAlive(other.pid)).toBe(true);
  });
});
