import { describe, expect, test } from 'vitest';
import { childrenOf, isAlive, kill, statOf } from '../support/processes.ts';
import { abstractName } from '../support/listening.ts';
import { execution, program, script } from '../support/requests.ts';
import { Serve } from '../support/serve.ts';
import { until } from '../support/until.ts';

describe('A child subreaper above it', () => {
  test('orphans stay below the shim', async () => {
    await using serve = await Serve.start();
    const running = await serve.start(script('(setsid sleep 300 >/dev/null 2>&1 & echo $!); exit 0'));
    const [orphan = 0] = await running.printedPids(1);
    await running.child.exited;
    await until(() => statOf(orphan)?.parent === serve.pid);
    expect(isAlive(orphan)).toBe(true);
  });

  test.each([{ isConnected: true }, { isConnected: false }])(
    '200 orphans end, and none stays a zombie, with a daemon: $isConnected',
    async ({ isConnected }) => {
      await using serve = await Serve.start({ listen: abstractName() });
      const text =
        'i=0; while [ $i -lt 200 ]; do (sh -c "read go; exit 3" <&3 &) ; i=$((i+1)); done 3<&0; read go';
      const running = await serve.start(
        script(text, { stdin: 'pipe', environment: execution().environment }),
      );
      await until(() => childrenOf(serve.pid).length === 201);
      if (isConnected) running.child.closeStdin();
      else {
        await serve.abandon();
        kill(running.pid);
        for (const pid of childrenOf(serve.pid)) kill(pid);
      }
      await until(() => childrenOf(serve.pid).every((pid) => pid === running.pid));
      expect(childrenOf(serve.pid).filter((pid) => pid !== running.pid)).toEqual([]);
    },
  );

  test('the ends of orphans are not taken for those of children', async () => {
    await using serve = await Serve.start();
    const running = await serve.start(
      script('(sh -c "exit 77" &); (sh -c "kill -9 \\$\\$" &); read go; exit 5', { stdin: 'pipe' }),
    );
    await until(() => childrenOf(serve.pid).join() === String(running.pid));
    running.child.closeStdin();
    expect((await running.finish()).exit).toMatchObject({ how: 'code', value: 5 });
  });

  test('a released child that ends leaves no zombie', async () => {
    await using serve = await Serve.start();
    const running = await serve.start(program(['/bin/sleep', '300']));
    running.child.release();
    await serve.run(script('exit 0'));
    process.kill(running.pid, 'SIGTERM');
    await until(() => childrenOf(serve.pid).length === 0);
    expect(statOf(running.pid)).toBeUndefined();
  });
});
