import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { isAlive, kill, statOf } from '../support/processes.ts';
import { script } from '../support/requests.ts';
import { Serve } from '../support/serve.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { inTime, until } from '../support/until.ts';

const MIB = 1024 * 1024;
/** Runs in a descendant: waits until the leader (`$$`) is gone, writes a MiB and notes in the file `$1` how that went. */
const WRITE_LATE =
  'while kill -0 $$ 2>/dev/null; do sleep 0.01; done; head -c 1048576 /dev/zero; echo $? > "$1"';

describe('Output and end', () => {
  test('all output comes before the end, in order', async () => {
    await using serve = await Serve.start();
    const finished = await Promise.all(
      Array.from({ length: 20 }, () => serve.run(script('seq 1 50000; seq 1 20000 >&2; exit 3'))),
    );
    const counted = (last: number) => Array.from({ length: last }, (_, index) => `${index + 1}\n`).join('');
    for (const { stdout, stderr, exit } of finished) {
      expect(exit.value).toBe(3);
      expect(stdout === counted(50_000)).toBe(true);
      expect(stderr === counted(20_000)).toBe(true);
    }
  });

  test('no output, one byte, bytes that are no text', async () => {
    await using serve = await Serve.start();
    expect(await serve.run(script(''))).toMatchObject({ stdout: '', stderr: '' });
    expect(await serve.run(script('printf x >&2'))).toMatchObject({ stdout: '', stderr: 'x' });
    const running = await serve.start(script("printf '\\377\\000\\200'"));
    await running.finish();
    expect([...running.output.bytes('stdout')]).toEqual([0xff, 0, 0x80]);
  });

  test('merged output keeps the order of the writes', async () => {
    await using serve = await Serve.start();
    const text = 'i=0; while [ $i -lt 2000 ]; do echo out $i; echo err $i >&2; i=$((i+1)); done';
    const { stdout, stderr } = await serve.run(script(text, { mergeOutput: true }));
    const lines = Array.from({ length: 2000 }, (_, index) => `out ${index}\nerr ${index}\n`);
    expect(stdout).toBe(lines.join(''));
    expect(stderr).toBe('');
  });

  test('a child that closes both streams early still has its end', async () => {
    await using serve = await Serve.start();
    const { stdout, exit } = await serve.run(script('echo before; exec >&- 2>&-; sleep 0.1; exit 9'));
    expect({ stdout, code: exit.value }).toEqual({ stdout: 'before\n', code: 9 });
  });

  test('the end does not wait for a descendant that holds the pipe', async () => {
    await using serve = await Serve.start();
    const running = await serve.start(script('sleep 300 & echo $!; exit 7'));
    const { stdout, exit } = await running.finish();
    expect(exit).toMatchObject({ how: 'code', value: 7 });
    expect(isAlive(Number(stdout))).toBe(true);
  });

  test.each([
    { name: 'after the end', isReleased: false },
    { name: 'after the release', isReleased: true },
  ])(
    'what a descendant writes $name neither blocks nor breaks it, and is dropped',
    async ({ isReleased }) => {
      await using directory = await temporaryDirectory();
      await using serve = await Serve.start();
      const note = join(directory.path, 'note');
      const text = `set -- ${note}; echo first; { ${WRITE_LATE}; } & exit 0`;
      for (const mergeOutput of [false, true]) {
        const running = await serve.start(script(text, { mergeOutput }));
        await running.child.exited;
        if (isReleased) running.child.release();
        await until(() => existsSync(note) && readFileSync(note, 'utf8') === '0\n');
        expect(running.output.text()).toBe('first\n');
        await running.finish();
      }
    },
  );

  test('a child that is released while it runs goes on, and its output is dropped', async () => {
    await using directory = await temporaryDirectory();
    await using serve = await Serve.start();
    const note = join(directory.path, 'note');
    const text = `echo first; read go; head -c ${4 * MIB} /dev/zero; echo $? > ${note}; exec sleep 300`;
    const running = await serve.start(script(text, { stdin: 'pipe' }));
    await running.printed(1);
    await running.child.write(Buffer.from('\n'));
    running.child.release();
    await until(() => existsSync(note) && readFileSync(note, 'utf8') === '0\n');
    expect(isAlive(running.pid)).toBe(true);
    expect(await running.child.signal(9, 'leader')).toEqual({ reached: 0, left: 0 });
    kill(running.pid);
    await until(() => !isAlive(running.pid));
  });

  test('a descendant of one child does not delay the end of another', async () => {
    await using serve = await Serve.start();
    const noisy = await serve.start(script('yes & exit 0'));
    await noisy.child.exited;
    const { stdout } = await serve.run(script('echo quiet'));
    expect(stdout).toBe('quiet\n');
  });

  test('a child that takes its own output out of the pipe, just before the shim would read it, holds nobody up', async () => {
    await using directory = await temporaryDirectory();
    await using serve = await Serve.start();
    const note = join(directory.path, 'note');
    const traps = `trap 'echo x; echo 0 > ${note}' USR2; trap 'head -c 2 </dev/stdout >/dev/null' USR1`;
    const thief = await serve.start(script(`${traps}; echo ready; while :; do sleep 0.005; done`));
    await thief.printed(1);
    // Stopped, the shim finds two things to do: many children to start, and then the output to read.
    serve.process.kill('SIGSTOP');
    await until(() => statOf(serve.pid)?.state === 'T');
    const others = Array.from({ length: 300 }, () => serve.connection.spawn(script(''), () => undefined));
    await new Promise(setImmediate);
    process.kill(thief.pid, 'SIGUSR2');
    await until(() => existsSync(note));
    serve.process.kill('SIGCONT');
    process.kill(thief.pid, 'SIGUSR1');
    await inTime(Promise.all(others.map(({ exited }) => exited)));
    expect((await serve.run(script('echo neighbour'))).stdout).toBe('neighbour\n');
  }, 60_000);
});
