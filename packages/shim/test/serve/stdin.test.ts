import { createHash, randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { encodeCloseStdin, encodeRelease, encodeSpawn, encodeWrite } from '../../src/frames.ts';
import type { Reply } from '../../src/replies.ts';
import { StdinClosedError } from '../../src/child-stdin.ts';
import { abstractName } from '../support/listening.ts';
import { statOf } from '../support/processes.ts';
import type { RawDaemon } from '../support/raw-daemon.ts';
import { program, script } from '../support/requests.ts';
import { Serve } from '../support/serve.ts';
import { until } from '../support/until.ts';

const KIB = 1024;
const CAT = program(['/bin/cat'], { stdin: 'pipe' });
/** Takes nothing from its stdin until it is ended or continued. */
const SLEEPER = program(['/bin/sleep', '300'], { stdin: 'pipe' });
/** What a pipe takes when nobody reads. */
const PIPE_BYTES = 64 * KIB;
const EPIPE = 32;

describe('write and close-stdin', () => {
  test('stdin that is no pipe is at its end, and takes nothing', async () => {
    await using serve = await Serve.start();
    expect((await serve.run(program(['/usr/bin/wc', '-c']))).stdout).toBe('0\n');
    const running = await serve.start(program(['/bin/sleep', '300']));
    await expect(running.child.write(Buffer.from('x'))).rejects.toThrow(StdinClosedError);
    running.child.closeStdin();
    expect((await serve.run(script('echo on'))).stdout).toBe('on\n');
  });

  test('10 MiB go through cat and come back as they were', async () => {
    await using serve = await Serve.start();
    const bytes = randomBytes(10 * KIB * KIB);
    const running = await serve.start(CAT);
    await running.child.write(bytes);
    running.child.closeStdin();
    const { exit } = await running.finish();
    expect(exit.value).toBe(0);
    expect(digest(running.output.bytes('stdout'))).toBe(digest(bytes));
  });

  test('many small writes without a wait keep their order, and the end comes behind them', async () => {
    await using serve = await Serve.start();
    const running = await serve.start(CAT);
    const lines = Array.from({ length: 5000 }, (_, index) => `line ${index} ${'x'.repeat(index % 200)}\n`);
    const writes = lines.map((line) => running.child.write(Buffer.from(line)));
    running.child.closeStdin();
    await Promise.all(writes);
    expect((await running.finish()).stdout).toBe(lines.join(''));
  });

  test('what was written before the child was started arrives', async () => {
    await using serve = await Serve.start();
    const chunks: Buffer[] = [];
    const child = serve.connection.spawn(CAT, (_stream, bytes) => void chunks.push(Buffer.from(bytes)));
    await Promise.all([child.write(Buffer.from('early ')), child.write(Buffer.from('bird'))]);
    child.closeStdin();
    await child.exited;
    expect(Buffer.concat(chunks).toString()).toBe('early bird');
  });

  test('end of file comes at once where nothing was written, and only when it was asked for', async () => {
    await using serve = await Serve.start();
    const silent = await serve.start(CAT);
    silent.child.closeStdin();
    silent.child.closeStdin();
    expect((await silent.finish()).exit.value).toBe(0);
    const talking = await serve.start(CAT);
    for (const word of ['one', 'two', 'three']) {
      await talking.child.write(Buffer.from(`${word}\n`));
      await until(() => talking.output.text().endsWith(`${word}\n`));
    }
    expect(statOf(talking.pid)?.state).toBe('S');
  });

  test('after close-stdin nothing is taken', async () => {
    await using serve = await Serve.startListening({ listen: abstractName() });
    await using daemon = await serve.reconnectRaw();
    daemon.send(encodeSpawn(1, SLEEPER), encodeWrite(1, Buffer.from('abc')), encodeCloseStdin(1));
    await daemon.hears('started', 1);
    await until(() => answers(daemon, 1).some(({ closed }) => closed));
    expect(delivered(daemon, 1)).toBe(3);
    daemon.send(encodeWrite(1, Buffer.from('late')));
    await until(() => answers(daemon, 1).filter(({ closed }) => closed).length >= 2);
    expect(delivered(daemon, 1)).toBe(3);
    expect(daemon.ended).toBe(false);
  });

  test('a child that never reads holds its writer back, and nobody else', async () => {
    await using serve = await Serve.start();
    const deaf = await serve.start(SLEEPER);
    let isDelivered = false;
    const write = deaf.child.write(Buffer.alloc(KIB * KIB)).then(() => (isDelivered = true));
    write.catch(() => undefined);
    for (let round = 0; round < 20; round++) {
      const other = await serve.start(CAT);
      await other.child.write(Buffer.from('through'));
      other.child.closeStdin();
      expect((await other.finish()).stdout).toBe('through');
    }
    expect(isDelivered).toBe(false);
    await deaf.child.signal(9, 'leader');
    await expect(write).rejects.toThrow(StdinClosedError);
  });

  test('delivered counts what the pipe has taken: 64 KiB of four full frames', async () => {
    await using serve = await Serve.startListening({ listen: abstractName() });
    await using daemon = await serve.reconnectRaw();
    const frames = Array.from({ length: 4 }, () => encodeWrite(1, Buffer.alloc(64 * KIB)));
    daemon.send(encodeSpawn(1, SLEEPER), ...frames);
    daemon.send(encodeSpawn(2, CAT), encodeWrite(2, Buffer.from('behind it')), encodeCloseStdin(2));
    await daemon.hears('exited', 2);
    expect(daemon.output(2).toString()).toBe('behind it');
    await until(() => delivered(daemon, 1) === PIPE_BYTES);
    expect(daemon.ended).toBe(false);
    daemon.send(encodeRelease(1));
  });

  test('a reader that comes late gets all of it, and each byte is answered once', async () => {
    await using serve = await Serve.startListening({ listen: abstractName() });
    await using daemon = await serve.reconnectRaw();
    const bytes = randomBytes(200 * KIB);
    const pieces = [0, 1, 2, 3].map((index) => bytes.subarray(index * 50 * KIB, (index + 1) * 50 * KIB));
    const late = script('read go < /dev/null; sleep 0.2; sha256sum', { stdin: 'pipe' });
    daemon.send(encodeSpawn(1, late), ...pieces.map((piece) => encodeWrite(1, piece)), encodeCloseStdin(1));
    await daemon.hears('exited', 1);
    expect(daemon.output(1).toString()).toBe(`${digest(bytes)}  -\n`);
    expect(delivered(daemon, 1)).toBe(bytes.length);
    expect(answers(daemon, 1).at(-1)?.closed).toBe(true);
  });

  test('a child that closes its stdin: EPIPE', async () => {
    await using serve = await Serve.startListening({ listen: abstractName() });
    await using daemon = await serve.reconnectRaw();
    daemon.send(encodeSpawn(1, script('exec <&-; echo closed; exec sleep 300', { stdin: 'pipe' })));
    await until(() => daemon.output(1).toString() === 'closed\n');
    daemon.send(encodeWrite(1, Buffer.from('nobody reads this')));
    expect(await daemon.hears('stdin', 1)).toMatchObject({ delivered: 0, closed: true, errno: EPIPE });
  });

  test('a child that ends with unread input: the rest is refused', async () => {
    await using serve = await Serve.start();
    const running = await serve.start(script('head -c 10; exit 4', { stdin: 'pipe' }));
    const write = running.child.write(Buffer.alloc(KIB * KIB, 'x'));
    await expect(write).rejects.toThrow(StdinClosedError);
    expect(await running.finish()).toMatchObject({ stdout: 'x'.repeat(10), exit: { value: 4 } });
    await expect(running.child.write(Buffer.from('x'))).rejects.toThrow(StdinClosedError);
  });

  test('a child that is released while it runs reads end of file', async () => {
    await using serve = await Serve.startListening({ listen: abstractName() });
    await using daemon = await serve.reconnectRaw();
    daemon.send(encodeSpawn(1, CAT), encodeWrite(1, Buffer.from('read')));
    const { pid } = await daemon.hears('started', 1);
    await until(() => daemon.output(1).toString() === 'read');
    daemon.send(encodeRelease(1));
    await until(() => statOf(pid) === undefined);
    expect(daemon.told.filter(({ type }) => type === 'exited')).toEqual([]);
  });

  test('an empty write does no harm', async () => {
    await using serve = await Serve.startListening({ listen: abstractName() });
    await using daemon = await serve.reconnectRaw();
    daemon.send(encodeSpawn(1, CAT), encodeWrite(1, Buffer.alloc(0)), encodeWrite(1, Buffer.from('x')));
    await until(() => daemon.output(1).toString() === 'x');
    expect(delivered(daemon, 1)).toBe(1);
    expect(daemon.ended).toBe(false);
  });
});

function answers(daemon: RawDaemon, id: number): Extract<Reply, { type: 'stdin' }>[] {
  return daemon.told.filter((told) => told.type === 'stdin').filter((told) => told.id === id);
}

function delivered(daemon: RawDaemon, id: number): number {
  return answers(daemon, id).reduce((sum, answer) => sum + answer.delivered, 0);
}

function digest(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
