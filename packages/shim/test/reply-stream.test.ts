import { describe, expect, test } from 'vitest';
import { ReplyStream } from '../src/reply-stream.ts';
import type { Reply } from '../src/replies.ts';
import { seededRandom } from './support/random.ts';
import type { Random } from './support/random.ts';

const EXIT = {
  how: 'signal',
  value: 300,
  coreDumped: true,
  userMicroseconds: 1,
  systemMicroseconds: 2 ** 32,
  peakResidentBytes: 2 ** 52,
  wallMicroseconds: 4,
  killedAtEnd: 5,
} as const;

describe('From the shim', () => {
  test.each<{ type: number; body: Buffer; reply: Reply }>([
    {
      type: 64,
      body: numbers(1, 77, 2),
      reply: { type: 'hello', version: 1, pid: 77, adopted: 2 },
    },
    {
      type: 65,
      body: join(numbers(3, 78), long(9n), long(10n), long(11n), [1], numbers(2), [0, 255]),
      reply: {
        type: 'adopted',
        id: 3,
        pid: 78,
        startTime: 9n,
        dropped: { stdout: 10, stderr: 11 },
        stdinOpen: true,
        label: Buffer.from([0, 255]),
      },
    },
    {
      type: 66,
      body: numbers(3, 78),
      reply: { type: 'started', id: 3, pid: 78 },
    },
    {
      type: 67,
      body: join(numbers(3, 2), [14], numbers(7)),
      reply: { type: 'failed', id: 3, errno: 2, step: 'exec', detail: 7 },
    },
    {
      type: 69,
      body: join(numbers(3), [1, 1, 44, 1], long(1n), long(2n ** 32n), long(2n ** 52n), long(4n), numbers(5)),
      reply: { type: 'exited', id: 3, exit: EXIT },
    },
    {
      type: 70,
      body: numbers(3, 4, 5),
      reply: { type: 'signaled', id: 3, request: 4, reached: 5 },
    },
    {
      type: 71,
      body: numbers(3, 4, 5, 6),
      reply: { type: 'swept', id: 3, request: 4, killed: 5, left: 6 },
    },
    {
      type: 72,
      body: join(numbers(3, 65_536), [1], numbers(32)),
      reply: { type: 'stdin', id: 3, delivered: 65_536, closed: true, errno: 32 },
    },
  ])('$reply.type', ({ type, body, reply }) => {
    expect(heard([frame(type, body)])).toEqual([reply]);
    for (const wrong of [body.subarray(1), join(body, [0])]) {
      expect(() => heard([frame(type, wrong)])).toThrow(RangeError);
    }
  });

  test.each([
    { name: 'a frame without a type', bytes: join(numbers(0), [64]) },
    { name: 'a frame above 32 MiB', bytes: join(numbers(32 * 1024 * 1024 + 1), [64]) },
    { name: 'an unknown type', bytes: frame(63, Buffer.alloc(4)) },
    { name: 'a type of the other direction', bytes: frame(8, Buffer.alloc(0)) },
    { name: 'output without a stream', bytes: join(frame(68, numbers(1)), frame(68, numbers(1))) },
    { name: 'output of a third stream', bytes: frame(68, join(numbers(1), [2, 120])) },
    { name: 'a step that does not exist', bytes: frame(67, join(numbers(3, 2), [15], numbers(7))) },
  ])('$name is refused', ({ bytes }) => {
    expect(() => heard([bytes])).toThrow(RangeError);
  });

  test('any chunking tells the same', () => {
    for (let seed = 1; seed <= 300; seed++) {
      const random = seededRandom(seed);
      const frames = Array.from({ length: 1 + random.below(12) }, () => randomFrame(random));
      const bytes = Buffer.concat(frames);
      const whole = heard([bytes]);
      expect(whole.length).toBeGreaterThan(0);
      expect(heard(frames), `seed ${seed}, by frames`).toEqual(whole);
      expect(heard(chunked(random, bytes, 1)), `seed ${seed}, by bytes`).toEqual(whole);
      expect(heard(chunked(random, bytes, 40)), `seed ${seed}, at random`).toEqual(whole);
    }
  });

  test('output is passed on before its frame is complete, as a view of the chunk', () => {
    const pieces: Buffer[] = [];
    const stream = new ReplyStream({
      reply: () => undefined,
      output: (_id, _name, bytes) => pieces.push(bytes),
    });
    const chunk = frame(68, join(numbers(1), [0], Buffer.from('all of it'))).subarray(0, -3);
    stream.push(chunk);
    expect(pieces.map(String)).toEqual(['all of']);
    expect(pieces[0]?.buffer).toBe(chunk.buffer);
    stream.push(Buffer.from(' it'));
    expect(pieces.map(String)).toEqual(['all of', ' it']);
  });
});

/** What the stream tells of these chunks; pieces of output that follow each other are put together. */
function heard(chunks: readonly Buffer[]): unknown[] {
  const told: unknown[] = [];
  let last: { id: number; name: string; text: string } | undefined;
  const stream = new ReplyStream({
    reply(reply) {
      last = undefined;
      told.push(reply);
    },
    output(id, name, bytes) {
      if (last?.id === id && last.name === name) {
        last.text += bytes.toString('latin1');
        return;
      }
      last = { id, name, text: bytes.toString('latin1') };
      told.push(last);
    },
  });
  for (const chunk of chunks) stream.push(chunk);
  return told;
}

function randomFrame(random: Random): Buffer {
  const id = random.below(3);
  switch (random.below(5)) {
    case 0:
      return frame(70, numbers(id, random.below(100), random.below(3)));
    case 1:
      return frame(66, numbers(id, random.below(100)));
    case 2: {
      const label = random.bytes(random.below(30));
      const head = join(numbers(id, 1), long(1n), long(2n), long(3n), [0], numbers(label.length));
      return frame(65, join(head, label));
    }
    default:
      return frame(68, join(numbers(id), [random.below(2)], random.bytes(random.below(60))));
  }
}

function chunked(random: Random, bytes: Buffer, largest: number): Buffer[] {
  const chunks: Buffer[] = [];
  for (let start = 0; start < bytes.length;) {
    const end = start + 1 + random.below(largest);
    chunks.push(bytes.subarray(start, end));
    start = end;
  }
  return chunks;
}

function frame(type: number, body: Buffer): Buffer {
  return join(numbers(body.length + 1), [type], body);
}

function join(...parts: readonly (Buffer | readonly number[])[]): Buffer {
  return Buffer.concat(parts.map((part) => Buffer.from(part)));
}

function numbers(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [index, value] of values.entries()) bytes.writeUInt32LE(value, index * 4);
  return bytes;
}

function long(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes;
}
