import { describe, expect, test } from 'vitest';
import { program, script } from '../support/requests.ts';
import { Serve } from '../support/serve.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

/** Signals that end a process which does nothing about them, on Linux. */
const DEADLY = [...numbers(1, 16), ...numbers(24, 27), ...numbers(29, 31), ...numbers(32, 64)];
const MAKES_CORE = new Set([3, 4, 5, 6, 7, 8, 11, 24, 25, 31]);
const CORE_RESOURCE = 4;
const MIB = 1024 * 1024;

describe('exited', () => {
  test('every exit code', async () => {
    await using serve = await Serve.start();
    const codes = numbers(0, 255);
    const finished = await Promise.all(codes.map((code) => serve.run(script(`exit ${code}`))));
    expect(finished.map(({ exit }) => exit.value)).toEqual(codes);
    for (const { exit } of finished) expect(exit).toMatchObject({ how: 'code', coreDumped: false });
  });

  test('every signal that ends a process', async () => {
    await using serve = await Serve.start();
    const ended = await Promise.all(
      DEADLY.map(async (signal) => {
        const running = await serve.start(
          program(['/bin/sleep', '300'], { limits: [{ resource: CORE_RESOURCE, soft: 0n, hard: 0n }] }),
        );
        expect(await running.child.signal(signal, 'leader')).toEqual({ reached: 1, left: 0 });
        return (await running.finish()).exit;
      }),
    );
    expect(ended.map(({ how, value }) => ({ how, value }))).toEqual(
      DEADLY.map((value) => ({ how: 'signal', value })),
    );
    expect(ended.filter(({ coreDumped }) => coreDumped)).toEqual([]);
  });

  test('signals that end nothing', async () => {
    await using serve = await Serve.start();
    const running = await serve.start(program(['/bin/cat'], { stdin: 'pipe' }));
    for (const signal of [17, 18, 23, 28]) {
      expect(await running.child.signal(signal, 'leader')).toEqual({ reached: 1, left: 0 });
    }
    await running.child.write(Buffer.from('still here'));
    running.child.closeStdin();
    expect(await running.finish()).toMatchObject({ stdout: 'still here', exit: { how: 'code', value: 0 } });
  });

  test('a core dump is told where the limit allows one', async () => {
    await using directory = await temporaryDirectory();
    await using serve = await Serve.start();
    const limits = [{ resource: CORE_RESOURCE, soft: undefined, hard: undefined }];
    for (const signal of [3, 6, 11, 15]) {
      const running = await serve.start(program(['/bin/sleep', '300'], { cwd: directory.path, limits }));
      await running.child.signal(signal, 'leader');
      const { exit } = await running.finish();
      expect(exit).toMatchObject({ how: 'signal', value: signal, coreDumped: MAKES_CORE.has(signal) });
    }
  });

  test('what the leader and its reaped descendants used', async () => {
    await using serve = await Serve.start();
    const { exit: idle } = await serve.run(program(['/bin/true']));
    const work = 'dd if=/dev/zero of=/dev/null bs=64M count=8 2>/dev/null; sleep 0.2; exit 3';
    const { exit: busy } = await serve.run(script(work));
    expect(busy.value).toBe(3);
    expect(busy.peakResidentBytes).toBeGreaterThanOrEqual(64 * MIB);
    expect(busy.peakResidentBytes).toBeLessThan(80 * MIB);
    expect(busy.wallMicroseconds).toBeGreaterThanOrEqual(200_000);
    expect(busy.userMicroseconds + busy.systemMicroseconds).toBeGreaterThan(0);
    expect(busy.userMicroseconds + busy.systemMicroseconds).toBeLessThan(busy.wallMicroseconds * 64);
    expect(idle.peakResidentBytes).toBeGreaterThan(0);
    expect(idle.peakResidentBytes).toBeLessThan(32 * MIB);
    expect(idle.killedAtEnd).toBe(0);
  });

  test('each of many children that run at the same time has its own end and its own output', async () => {
    await using serve = await Serve.start();
    const finished = await Promise.all(
      numbers(1, 400).map(async (number) => {
        const code = number % 256;
        return {
          number,
          code,
          ...(await serve.run(script(`echo ${number}; echo e${number} >&2; exit ${code}`))),
        };
      }),
    );
    for (const { number, code, stdout, stderr, exit } of finished) {
      expect({ stdout, stderr, code: exit.value }).toEqual({
        stdout: `${number}\n`,
        stderr: `e${number}\n`,
        code,
      });
    }
  });
});

function numbers(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}
