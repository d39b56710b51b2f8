import { createHash, randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { ShimLostError } from '../../src/shim-child.ts';
import { abstractName } from '../support/listening.ts';
import { descendantsOf, isAlive, statOf } from '../support/processes.ts';
import { execution, program, script } from '../support/requests.ts';
import type { RunningChild } from '../support/running-child.ts';
import { Serve } from '../support/serve.ts';
import { until } from '../support/until.ts';

const KIB = 1024;
const SIGKILL = 9;
describe('The daemon dies', () => {
  test('its children go on, end, and are handed over with their true ends', async () => {
    await using serve = await Serve.start({ listen: abstractName() });
    const codes = await Promise.all(
      [3, 0, 255].map((code) =>
        serve.start(script(`read x; exit ${code}`, { stdin: 'pipe', label: Buffer.from(`code ${code}`) })),
      ),
    );
    const killed = await serve.start(program(['/bin/sleep', '300'], { label: Buffer.from([0, 255, 10]) }));
    const running = await serve.start(program(['/bin/cat'], { stdin: 'pipe' }));
    const lost = [...codes, killed, running].map(({ child }) =>
      child.exited.catch((error: unknown) => error),
    );
    await Promise.all(codes.slice(0, 2).map(({ child }) => child.write(Buffer.from('\n'))));
    await serve.abandon();
    for (const error of await Promise.all(lost.slice(2))) expect(error).toBeInstanceOf(ShimLostError);
    process.kill(killed.pid, 'SIGINT');
    await until(() => !isAlive(killed.pid) && !codes.slice(0, 2).some(({ pid }) => isAlive(pid)));

    await serve.reconnect();
    const { adopted } = serve.connection;
    expect(serve.connection.shimPid).toBe(serve.pid);
    expect(new Set(adopted.map(({ pid }) => pid))).toEqual(
      new Set([...codes, killed, running].map(({ pid }) => pid)),
    );
    expect(adopted).toHaveLength(5);
    const byPid = (wanted: RunningChild) => {
      const found = adopted.find(({ pid }) => pid === wanted.pid);
      if (!found) throw new Error(`${wanted.pid} was not handed over`);
      return found;
    };
    expect(codes.map((code) => byPid(code).label.toString())).toEqual(['code 3', 'code 0', 'code 255']);
    expect([...byPid(killed).label]).toEqual([0, 255, 10]);
    expect(byPid(running).label).toHaveLength(0);
    expect(byPid(running).startTime).toBe(statOf(running.pid)?.startTime);
    expect(byPid(killed).startTime).toBe(0n);
    const ends = await Promise.all([...codes.slice(0, 2), killed].map((child) => byPid(child).child.exited));
    expect(ends).toMatchObject([
      { how: 'code', value: 3 },
      { how: 'code', value: 0 },
      { how: 'signal', value: 2 },
    ]);
    // The others are children like any.
    const last = byPid(codes[2] ?? running).child;
    await last.write(Buffer.from('\n'));
    expect(await last.exited).toMatchObject({ how: 'code', value: 255 });
    expect(await byPid(running).child.signal(SIGKILL, 'tree')).toEqual({ reached: 1, left: 0 });
    expect(await byPid(running).child.exited).toMatchObject({ how: 'signal', value: SIGKILL });
  });

  test('stdin is handed over: open, closed, and with what the daemon before had written', async () => {
    await using serve = await Serve.start({ listen: abstractName() });
    const bytes = randomBytes(200 * KIB);
    const late = script('trap "exec sha256sum" USR1; echo ready; while :; do sleep 0.01; done', {
      stdin: 'pipe',
    });
    const closing = await serve.start({ ...late, label: Buffer.from('closing') });
    const open = await serve.start(
      program(['/usr/bin/sha256sum'], { stdin: 'pipe', label: Buffer.from('open') }),
    );
    const none = await serve.start(program(['/bin/sleep', '300'], { label: Buffer.from('none') }));
    await closing.printed(1);
    void closing.child.write(bytes).catch(() => undefined);
    closing.child.closeStdin();
    await open.child.write(bytes.subarray(0, 1000));
    await serve.abandon();
    expect(isAlive(none.pid)).toBe(true);
    await using daemon = await serve.reconnectRaw();
    const adopted = daemon.told.filter((told) => told.type === 'adopted');
    const states = Object.fromEntries(adopted.map(({ label, stdinOpen }) => [String(label), stdinOpen]));
    expect(states).toEqual({ closing: false, open: true, none: false });
    daemon.socket.destroy();
    await daemon.isEnded();
    process.kill(closing.pid, 'SIGUSR1');
    await until(() => !isAlive(closing.pid));
    const outputs = await serve.reconnect();
    const again = serve.connection.adopted;
    const indexOf = (label: string) => again.findIndex((each) => String(each.label) === label);
    await again[indexOf('closing')]?.child.exited;
    expect(outputs[indexOf('closing')]?.text()).toBe(`ready\n${digest(bytes)}  -\n`);
    const opened = again[indexOf('open')]?.child;
    await opened?.write(bytes.subarray(1000));
    opened?.closeStdin();
    await opened?.exited;
    expect(outputs[indexOf('open')]?.text()).toBe(`${digest(bytes)}  -\n`);
  });

  test('the next daemon may write as much as any, behind what the one before had written', async () => {
    await using serve = await Serve.start({ listen: abstractName() });
    const late = script('trap "exec sha256sum" USR1; echo ready; while :; do sleep 0.01; done', {
      stdin: 'pipe',
    });
    const running = await serve.start(late);
    await running.printed(1);
    const bytes = randomBytes(1200 * KIB);
    void running.child.write(bytes.subarray(0, 200 * KIB)).catch(() => undefined);
    await running.child.signal(0, 'leader');
    await serve.abandon();
    const [output] = await serve.reconnect();
    const [adopted] = serve.connection.adopted;
    let isDelivered = false;
    const write = adopted?.child.write(bytes.subarray(200 * KIB)).then(() => (isDelivered = true));
    write?.catch(() => undefined);
    await adopted?.child.signal(0, 'leader');
    expect(isDelivered).toBe(false);
    process.kill(running.pid, 'SIGUSR1');
    await write;
    adopted?.child.closeStdin();
    expect(await adopted?.child.exited).toMatchObject({ how: 'code', value: 0 });
    expect(output?.text()).toBe(`ready\n${digest(bytes)}  -\n`);
  });

  test('what was released is not handed over', async () => {
    await using serve = await Serve.start({ listen: abstractName() });
    const kept = await serve.start(program(['/bin/sleep', '300']));
    const released = await serve.start(program(['/bin/sleep', '300']));
    released.child.release();
    await serve.run(script('exit 1'));
    // The answer to a signal comes when the shim has read the releases before it.
    await kept.child.signal(0, 'leader');
    await serve.abandon();
    await serve.reconnect();
    expect(serve.connection.adopted.map(({ pid }) => pid)).toEqual([kept.pid]);
    expect(isAlive(released.pid)).toBe(true);
  });

  test('a tree is killed whole by the next daemon', async () => {
    await using serve = await Serve.start({ listen: abstractName() });
    const text = '(env -i setsid sleep 300 >/dev/null 2>&1 & echo $!); sleep 300 & echo $!; wait';
    const running = await serve.start(script(text, { environment: execution().environment }));
    const left = await running.printedPids(2);
    await until(() => descendantsOf(serve.pid).length === 3);
    await serve.abandon();
    await serve.reconnect();
    const swept = await serve.connection.adopted[0]?.child.signal(SIGKILL, 'tree');
    expect(swept).toEqual({ reached: 3, left: 0 });
    expect(left.filter(isAlive)).toEqual([]);
  });

  test('ids that the daemon before chose are in use', async () => {
    await using serve = await Serve.start({ listen: abstractName() });
    const first = await Promise.all([1, 2, 3].map(() => serve.start(program(['/bin/sleep', '300']))));
    await serve.abandon();
    await serve.reconnect();
    const more = await Promise.all([1, 2, 3].map((code) => serve.run(script(`exit ${code}`))));
    expect(more.map(({ exit }) => exit.value)).toEqual([1, 2, 3]);
    expect(first.every(({ pid }) => isAlive(pid))).toBe(true);
  });

  test('again and again: each daemon gets everything', async () => {
    await using serve = await Serve.start({ listen: abstractName() });
    await serve.start(script('echo hello; exec sleep 300'));
    const ended = await serve.start(script('echo bye; exit 9'));
    await ended.child.exited;
    for (let round = 0; round < 20; round++) {
      await serve.abandon();
      const outputs = await serve.reconnect();
      expect(await serve.connection.adopted[1]?.child.exited).toMatchObject({ value: 9 });
      await until(() => outputs.every((output) => output.text().length > 0));
      expect(outputs.map((output) => output.text())).toEqual(['hello\n', 'bye\n']);
    }
  });
});

function digest(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
