import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { encodeFarewell, encodeOpen } from '../../src/frames.ts';
import { ShimLostError } from '../../src/shim-child.ts';
import { abstractName } from '../support/listening.ts';
import { isAlive, kill } from '../support/processes.ts';
import { RawDaemon } from '../support/raw-daemon.ts';
import { program, script } from '../support/requests.ts';
import { Serve } from '../support/serve.ts';
import { inTime, until } from '../support/until.ts';

const SLEEP = program(['/bin/sleep', '300'], { stdin: 'pipe' });
/** Longer than the idle time of a second that these shims are given. */
const LONGER_THAN_IDLE_MS = 1_200;

describe('The shim ends', () => {
  test('when no daemon came for the idle time', async () => {
    await using serve = await Serve.startListening({ listen: abstractName(), idleSeconds: 1 });
    expect(await inTime(serve.process.ended)).toEqual({ code: 0, signal: null });
  });

  test('when its daemon has gone without children, and nobody came for the idle time', async () => {
    await using serve = await Serve.start({ listen: abstractName(), idleSeconds: 1 });
    await serve.run(script('exit 0'));
    await delay(LONGER_THAN_IDLE_MS);
    expect(serve.process.runs).toBe(true);
    await serve.abandon();
    expect(await inTime(serve.process.ended)).toEqual({ code: 0, signal: null });
  });

  test('not while a leader runs, but without who would fetch its end', async () => {
    await using serve = await Serve.start({ listen: abstractName(), idleSeconds: 1 });
    const running = await serve.start(SLEEP);
    await serve.abandon();
    await delay(LONGER_THAN_IDLE_MS);
    expect(serve.process.runs).toBe(true);
    process.kill(running.pid, 'SIGTERM');
    await until(() => !isAlive(running.pid));
    // The idle time begins with the end of the last leader: there is time to come for it.
    await serve.reconnect();
    expect(await serve.connection.adopted[0]?.child.exited).toMatchObject({ how: 'signal', value: 15 });
    await serve.abandon();
    expect(await inTime(serve.process.ended)).toEqual({ code: 0, signal: null });
  });

  test('at once without --listen, when its daemon has gone and no leader runs', async () => {
    await using serve = await Serve.start({ idleSeconds: 600 });
    const running = await serve.start(SLEEP);
    await serve.abandon();
    expect(isAlive(running.pid)).toBe(true);
    process.kill(running.pid, 'SIGTERM');
    expect(await inTime(serve.process.ended)).toEqual({ code: 0, signal: null });
  });

  test('also while somebody is connected who does not say who it is', async () => {
    await using serve = await Serve.startListening({ listen: abstractName(), idleSeconds: 1 });
    await using mute = await RawDaemon.connect(serve.listen);
    expect(await inTime(serve.process.ended)).toEqual({ code: 0, signal: null });
    expect(mute.told).toEqual([]);
  });

  test('after farewell, at once when no leader runs: unreleased children and descendants do not count', async () => {
    await using serve = await Serve.start();
    const left = await serve.start(script('(setsid sleep 300 >/dev/null 2>&1 & echo $!); exit 0'));
    const [orphan = 0] = await left.printedPids(1);
    await left.child.exited;
    await serve.connection[Symbol.asyncDispose]();
    expect(await inTime(serve.process.ended)).toEqual({ code: 0, signal: null });
    expect(isAlive(orphan)).toBe(true);
    kill(orphan);
  });

  test('after farewell with the last leader, whose output nobody needs any more', async () => {
    await using serve = await Serve.start({ listen: abstractName() });
    const first = await serve.start(script('trap "exit 0" TERM; while :; do echo x; sleep 0.01; done'));
    const second = await serve.start(program(['/usr/bin/yes']));
    await first.printed(1);
    await serve.connection[Symbol.asyncDispose]();
    await expect(first.child.exited).rejects.toThrow(ShimLostError);
    process.kill(first.pid, 'SIGTERM');
    await until(() => !isAlive(first.pid));
    expect(serve.process.runs).toBe(true);
    expect(isAlive(second.pid)).toBe(true);
    process.kill(second.pid, 'SIGTERM');
    expect(await inTime(serve.process.ended)).toEqual({ code: 0, signal: null });
  });

  test.each(['SIGTERM', 'SIGHUP', 'SIGINT', 'SIGPIPE', 'SIGUSR1', 'SIGCHLD'] as const)(
    '%s does not end it',
    async (signal) => {
      await using serve = await Serve.start();
      const running = await serve.start(program(['/bin/cat'], { stdin: 'pipe' }));
      serve.process.kill(signal);
      await running.child.write(Buffer.from('on'));
      running.child.closeStdin();
      expect((await running.finish()).stdout).toBe('on');
    },
  );

  test('SIGKILL: everything that waits for it is rejected, and the children live', async () => {
    await using serve = await Serve.start();
    const { child, pid } = await serve.start(SLEEP);
    const write = child.write(Buffer.alloc(1024 * 1024));
    serve.process.kill('SIGSTOP');
    const settled = Promise.allSettled([
      child.signal(9, 'leader'),
      child.signal(9, 'tree'),
      serve.connection.spawn(SLEEP, () => undefined).started,
      child.exited,
      write,
    ]);
    serve.process.kill('SIGKILL');
    for (const outcome of await settled) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: { name: 'ShimLostError' } });
    }
    await expect(child.write(Buffer.from('x'))).rejects.toThrow(ShimLostError);
    await expect(child.signal(15, 'leader')).rejects.toThrow(ShimLostError);
    child.closeStdin();
    child.release();
    expect(isAlive(pid)).toBe(true);
    kill(pid);
    serve.endsWith({ code: null, signal: 'SIGKILL' });
  });

  test('a farewell is heard also when its daemon is gone at once, while output is on its way to it', async () => {
    for (let round = 0; round < 20; round++) {
      await using serve = await Serve.start({ listen: abstractName() });
      const children = await Promise.all(
        Array.from({ length: 4 }, () => serve.start(script('yes | head -c 1000000'))),
      );
      for (const { child } of children) await child.exited;
      await serve.abandon();
      const daemon = await RawDaemon.connect(serve.listen);
      daemon.send(encodeOpen(serve.process.token));
      await new Promise((resolve) => daemon.socket.once('data', resolve));
      daemon.send(encodeFarewell());
      await daemon[Symbol.asyncDispose]();
      expect(await inTime(serve.process.ended), `round ${round}`).toEqual({ code: 0, signal: null });
    }
  }, 60_000);
});
