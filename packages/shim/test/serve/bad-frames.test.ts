import { describe, expect, test } from 'vitest';
import {
  encodeCloseStdin,
  encodeCredit,
  encodeFarewell,
  encodeOpen,
  encodeRelease,
  encodeSignal,
  encodeSpawn,
  encodeWrite,
} from '../../src/frames.ts';
import { abstractName } from '../support/listening.ts';
import { isAlive, openDescriptors, statusNumber } from '../support/processes.ts';
import { RawDaemon } from '../support/raw-daemon.ts';
import { seededRandom } from '../support/random.ts';
import type { Random } from '../support/random.ts';
import { program, script } from '../support/requests.ts';
import { Serve } from '../support/serve.ts';

const KIB = 1024;
const MIB = KIB * KIB;
const SLEEP = program(['/bin/sleep', '300'], { stdin: 'pipe' });
const TRUE = encodeSpawn(2, program(['/bin/true']));
/** Where the counts of a spawn without groups and limits stand in its frame, and its strings. */
const COUNTS_AT = 29;

/** Sent while child 1 runs. */
const BAD_FRAMES: readonly { name: string; bytes: Buffer }[] = [
  { name: 'type 0', bytes: frame(0, Buffer.alloc(0)) },
  { name: 'type 9', bytes: frame(9, Buffer.alloc(4)) },
  { name: 'type 255', bytes: frame(255, Buffer.alloc(4)) },
  { name: 'a reply', bytes: frame(66, Buffer.alloc(16)) },
  { name: 'no type', bytes: Buffer.alloc(4) },
  { name: 'a frame above 32 MiB', bytes: withNumber(frame(3, Buffer.alloc(8)), 0, 32 * MIB + 1) },
  { name: 'a frame of 4 GiB', bytes: withNumber(frame(3, Buffer.alloc(8)), 0, 0xffff_ffff) },
  { name: 'a second open', bytes: encodeOpen(Buffer.alloc(32)) },
  { name: 'write of nobody', bytes: frame(3, Buffer.alloc(3)) },
  { name: 'write above 64 KiB', bytes: encodeWrite(1, Buffer.alloc(64 * KIB + 1)) },
  { name: 'close-stdin, cut off', bytes: frame(4, Buffer.alloc(3)) },
  { name: 'close-stdin, too long', bytes: longer(encodeCloseStdin(1)) },
  { name: 'signal, cut off', bytes: frame(5, Buffer.alloc(9)) },
  { name: 'signal, too long', bytes: longer(encodeSignal(1, 1, 15, 'leader')) },
  { name: 'signal to a fourth scope', bytes: withByte(encodeSignal(1, 1, 15, 'leader'), 14, 3) },
  { name: 'credit, cut off', bytes: frame(6, Buffer.alloc(7)) },
  { name: 'credit, too long', bytes: longer(encodeCredit(1, 1)) },
  { name: 'release, cut off', bytes: frame(7, Buffer.alloc(2)) },
  { name: 'release, too long', bytes: longer(encodeRelease(1)) },
  { name: 'farewell, too long', bytes: longer(encodeFarewell()) },
  { name: 'spawn without a body', bytes: frame(2, Buffer.alloc(0)) },
  { name: 'spawn, one byte too long', bytes: longer(TRUE) },
  { name: 'spawn, one byte cut off', bytes: frame(2, TRUE.subarray(5, -1)) },
  { name: 'spawn with a flag that does not exist', bytes: withNumber(TRUE, 9, 512) },
  { name: 'spawn without argv', bytes: withNumber(TRUE, COUNTS_AT + 8, 0) },
  { name: 'spawn with more groups than there are', bytes: withNumber(TRUE, COUNTS_AT, 0x4000_0000) },
  { name: 'spawn with more limits than there are', bytes: withNumber(TRUE, COUNTS_AT + 4, 0x1000_0000) },
  { name: 'spawn with more arguments than there are', bytes: withNumber(TRUE, COUNTS_AT + 8, 0xffff_ffff) },
  { name: 'spawn with one argument too many', bytes: withNumber(TRUE, COUNTS_AT + 8, 2) },
  { name: 'spawn with more variables than there are', bytes: withNumber(TRUE, COUNTS_AT + 12, 0xffff_ffff) },
  { name: 'spawn with a label that is too long', bytes: withNumber(TRUE, TRUE.length - 4, 1) },
  { name: 'spawn with a string without its NUL', bytes: withByte(TRUE, TRUE.length - 5, 0x61) },
];

describe('What is wrong with a frame ends the connection, never the children', () => {
  test.each(BAD_FRAMES)('$name', async ({ bytes }) => {
    await using serve = await Serve.startListening({ listen: abstractName() });
    await using daemon = await serve.reconnectRaw();
    daemon.send(encodeSpawn(1, SLEEP));
    const { pid } = await daemon.hears('started', 1);
    daemon.send(bytes, encodeSpawn(3, script('echo behind it')));
    await daemon.isEnded();
    expect(daemon.told.filter((told) => 'id' in told && told.id !== 1)).toEqual([]);
    expect(isAlive(pid)).toBe(true);
    await serve.reconnect();
    expect(serve.connection.adopted.map((adopted) => adopted.pid)).toEqual([pid]);
    expect((await serve.run(script('echo on'))).stdout).toBe('on\n');
  });

  test('spawn, cut off anywhere', async () => {
    await using serve = await Serve.startListening({ listen: abstractName() });
    const whole = encodeSpawn(1, program(['/bin/true'], { groups: [1], label: Buffer.from('ab') }));
    for (let length = 0; length < whole.length - 5; length++) {
      await using daemon = await serve.reconnectRaw();
      daemon.send(frame(2, whole.subarray(5, 5 + length)));
      await daemon.isEnded();
      expect(
        daemon.told.map(({ type }) => type),
        `${length} bytes`,
      ).toEqual(['hello']);
    }
  });

  test.each([
    { name: 'another frame', bytes: encodeSpawn(1, SLEEP) },
    { name: 'a longer open', bytes: longer(encodeOpen(Buffer.alloc(32))) },
    { name: 'a shorter open', bytes: frame(1, Buffer.alloc(35)) },
    { name: 'text', bytes: Buffer.from('GET / HTTP/1.1\r\nHost: here\r\n\r\n') },
  ])('instead of open: $name', async ({ bytes }) => {
    await using serve = await Serve.startListening({ listen: abstractName() });
    await using daemon = await RawDaemon.connect(serve.listen);
    daemon.send(bytes);
    await daemon.isEnded();
    expect(daemon.told).toEqual([]);
  });

  test('frames that come byte by byte, and many in one piece, are the same frames', async () => {
    await using serve = await Serve.startListening({ listen: abstractName() });
    await using daemon = await serve.reconnectRaw();
    const frames = [
      encodeSpawn(1, program(['/bin/cat'], { stdin: 'pipe' })),
      encodeWrite(1, Buffer.from('slow')),
      encodeCloseStdin(1),
    ];
    for (const byte of Buffer.concat(frames)) {
      daemon.send(Buffer.from([byte]));
      await new Promise(setImmediate);
    }
    await daemon.hears('exited', 1);
    expect(daemon.output(1).toString()).toBe('slow');
    const ids = Array.from({ length: 100 }, (_, index) => 100 + index);
    daemon.send(...ids.map((id) => encodeSpawn(id, script(`exit ${id}`))));
    for (const id of ids) expect((await daemon.hears('exited', id)).exit.value).toBe(id);
  });

  test('the largest frame is taken', async () => {
    await using serve = await Serve.startListening({ listen: abstractName() });
    await using daemon = await serve.reconnectRaw();
    const empty = encodeSpawn(1, program(['/bin/true'], { label: Buffer.alloc(0) }));
    const label = Buffer.alloc(32 * MIB - (empty.length - 4), 'l');
    daemon.send(encodeSpawn(1, program(['/bin/true'], { label })));
    expect(await daemon.hears('exited', 1)).toMatchObject({ exit: { how: 'code', value: 0 } });
    daemon.send(encodeRelease(1));
  });

  test('200 connections of noise: the shim keeps its children, its memory and its descriptors', async () => {
    await using serve = await Serve.startListening({ listen: abstractName() });
    await serve.reconnect();
    const running = await serve.start(SLEEP);
    await serve.abandon();
    const descriptors = openDescriptors(serve.pid);
    for (let seed = 1; seed <= 200; seed++) {
      await using daemon = await serve.reconnectRaw();
      daemon.send(noise(seededRandom(seed)));
      daemon.socket.end();
      await daemon.isEnded();
      expect(isAlive(serve.pid), `seed ${seed}`).toBe(true);
    }
    expect(isAlive(running.pid)).toBe(true);
    await serve.reconnect();
    for (const { child } of serve.connection.adopted) child.release();
    expect((await serve.run(script('echo on'))).stdout).toBe('on\n');
    expect(openDescriptors(serve.pid)).toBeLessThanOrEqual(descriptors + 1);
    expect(statusNumber(serve.pid, 'VmRSS')).toBeLessThan(128 * KIB);
  });
});

/** Good frames about children of small numbers, of which one or two bytes are changed. A farewell is not among them. */
function noise(random: Random): Buffer {
  const id = random.below(4) + 10;
  const request = program(['/bin/true'], {
    groups: [1, 2],
    label: random.bytes(random.below(20)),
    stdin: 'pipe',
  });
  const frames = [
    encodeSpawn(id, request),
    encodeWrite(id, random.bytes(random.below(50))),
    encodeSignal(id, random.below(100), 15, 'tree'),
    encodeCredit(id, random.below(1000)),
    encodeCloseStdin(id),
    encodeRelease(id),
  ];
  const bytes = Buffer.concat(frames.slice(random.below(frames.length)));
  for (let change = random.below(3); change >= 0; change--) {
    const at = random.below(bytes.length);
    bytes[at] = random.below(256);
  }
  return bytes.includes(encodeFarewell()) ? Buffer.alloc(0) : bytes;
}

function frame(type: number, body: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32LE(body.length + 1);
  head[4] = type;
  return Buffer.concat([head, body]);
}

/** The same frame with a byte more behind its body. */
function longer(whole: Buffer): Buffer {
  return frame(whole[4] ?? 0, Buffer.concat([whole.subarray(5), Buffer.alloc(1)]));
}

function withNumber(whole: Buffer, at: number, value: number): Buffer {
  const changed = Buffer.from(whole);
  changed.writeUInt32LE(value, at);
  return changed;
}

function withByte(whole: Buffer, at: number, value: number): Buffer {
  const changed = Buffer.from(whole);
  changed[at] = value;
  return changed;
}
