import { describe, expect, test } from 'vitest';
import { abstractName } from '../support/listening.ts';
import { PatternCheck, patternRequest } from '../support/pattern.ts';
import { isAlive, statOf } from '../support/processes.ts';
import { program, script } from '../support/requests.ts';
import { Serve } from '../support/serve.ts';
import { until } from '../support/until.ts';

const KIB = 1024;
const MIB = KIB * KIB;
/** Writes each line that it reads to the stream that the line names. */
const PARROT =
  'while read stream text; do case $stream in out) echo "$text";; err) echo "$text" >&2;; esac; done; exit 4';

describe('Retention', () => {
  test('output is handed over in the order in which it was read, whether it was sent or not', async () => {
    await using serve = await Serve.start({ listen: abstractName() });
    const running = await serve.start(script(PARROT, { stdin: 'pipe' }));
    let expected = '';
    for (let index = 0; index < 40; index++) {
      const stream = index % 3 === 0 ? 'err' : 'out';
      expected += `${index}\n`;
      await running.child.write(Buffer.from(`${stream} ${index}\n`));
      await until(() => running.output.text() === expected);
    }
    await serve.abandon();
    const [output] = await serve.reconnect();
    const [adopted] = serve.connection.adopted;
    expect(adopted?.dropped).toEqual({ stdout: 0, stderr: 0 });
    await until(() => output?.text().length === expected.length);
    expect(output?.text()).toBe(expected);
    const lines = expected.split('\n').slice(0, -1);
    expect(output?.text('stderr')).toBe(lines.filter((_, index) => index % 3 === 0).join('\n') + '\n');
    // It goes on behind what was handed over.
    await adopted?.child.write(Buffer.from('out more\n'));
    adopted?.child.closeStdin();
    expect(await adopted?.child.exited).toMatchObject({ how: 'code', value: 4 });
    expect(output?.text()).toBe(`${expected}more\n`);
  });

  test('without a daemon children are not held up; the newest MiB is kept, and what was dropped is counted', async () => {
    await using serve = await Serve.start({ listen: abstractName() });
    const total = 16 * MIB + 123;
    const running = await serve.start(script(`read go; ${writing(total)}; exit 5`, { stdin: 'pipe' }));
    void running.child.write(Buffer.from('\n')).catch(() => undefined);
    await until(() => running.output.bytes().length > 0);
    await serve.abandon();
    await until(() => !isAlive(running.pid));
    const [output] = await serve.reconnect();
    const [adopted] = serve.connection.adopted;
    expect(await adopted?.child.exited).toMatchObject({ how: 'code', value: 5 });
    const kept = output?.bytes('stdout') ?? Buffer.alloc(0);
    expectNewestMiB(kept.length);
    expect(adopted?.dropped).toEqual({ stdout: total - kept.length, stderr: 0 });
    expect(kept.equals(written(total).subarray(-kept.length))).toBe(true);
  });

  test('the MiB counts what the child wrote, in however small pieces', async () => {
    await using serve = await Serve.start({ listen: abstractName() });
    const echoes = 'echo x; '.repeat(10);
    const loop = `i=0; while [ $i -lt 12500 ]; do ${echoes} i=$((i+1)); done &`;
    const running = await serve.start(script(`${loop.repeat(4)} wait`));
    await running.child.exited;
    const total = running.output.bytes().length;
    expect(total).toBe(1_000_000);
    await serve.abandon();
    const [output] = await serve.reconnect();
    const [adopted] = serve.connection.adopted;
    await adopted?.child.exited;
    expect(adopted?.dropped).toEqual({ stdout: 0, stderr: 0 });
    expect(output?.bytes()).toHaveLength(total);
  });

  test('the MiB is one for both streams; each counts its own loss', async () => {
    await using serve = await Serve.start({ listen: abstractName() });
    const text = `read go; head -c ${MIB} /dev/zero >&2; ${writing(3 * MIB)}; head -c 1000 /dev/zero >&2`;
    const running = await serve.start(script(text, { stdin: 'pipe' }));
    await running.child.write(Buffer.from('\n'));
    await running.child.exited;
    await serve.abandon();
    const [output] = await serve.reconnect();
    const [adopted] = serve.connection.adopted;
    await adopted?.child.exited;
    const [stdout, stderr] = [output?.bytes('stdout').length ?? 0, output?.bytes('stderr').length ?? 0];
    expectNewestMiB(stdout + stderr);
    expect(stderr).toBe(1000);
    expect(adopted?.dropped).toEqual({ stdout: 3 * MIB - stdout, stderr: MIB + 1000 - stderr });
  });

  test('a child that waited for credit goes on when its daemon dies, and for the next one it waits again', async () => {
    await using serve = await Serve.start({ listen: abstractName() });
    const stalled = await serve.start(patternRequest(32 * MIB), () => new Promise<void>(() => undefined));
    const endless = await serve.start(program(['/usr/bin/yes']), () => new Promise<void>(() => undefined));
    await serve.abandon();
    await until(() => !isAlive(stalled.pid));
    expect(isAlive(endless.pid)).toBe(true);
    await using daemon = await serve.reconnectRaw();
    await daemon.hears('exited');
    const [first, second] = daemon.told.filter((told) => told.type === 'adopted');
    const finished = first?.pid === stalled.pid ? first : second;
    const running = first?.pid === stalled.pid ? second : first;
    const dropped = finished?.dropped.stdout ?? 0;
    expectNewestMiB(32 * MIB - dropped);
    const check = new PatternCheck(dropped);
    check.take(daemon.output(finished?.id ?? 0));
    expect(check).toMatchObject({ isRight: true, bytes: 32 * MIB });
    let last = -1;
    await until(() => {
      const came = daemon.output(running?.id ?? 0).length;
      const isStill = came === last && came > 0;
      last = came;
      return isStill && statOf(endless.pid)?.state === 'S';
    });
    // What was kept, and what is read ahead of the first credit.
    expect(daemon.output(running?.id ?? 0).length).toBeLessThanOrEqual(MIB + 64 * KIB + 512 * KIB);
  });
});

/** What is kept are whole pieces, as they were read. */
function expectNewestMiB(bytes: number): void {
  expect(bytes).toBeGreaterThanOrEqual(MIB);
  expect(bytes).toBeLessThan(MIB + 64 * KIB);
}

/** A command that writes so many bytes, all of them different enough to tell where they come from. */
function writing(bytes: number): string {
  return `seq 1 10000000 2>/dev/null | head -c ${bytes}`;
}

/** What `writing` writes. */
function written(bytes: number): Buffer {
  const lines: string[] = [];
  for (let length = 0, number = 1; length < bytes; number++) {
    const line = `${number}\n`;
    lines.push(line);
    length += line.length;
  }
  return Buffer.from(lines.join('')).subarray(0, bytes);
}
