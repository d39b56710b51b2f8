import { expect, test } from 'vitest';
import {
  RECORD_HEADER_BYTES,
  decodeRecord,
  encodeRecordHeader,
  recordSize,
} from '../../src/output/spool-record.ts';
import type { OutputBlock } from '../../src/output/output-block.ts';

const BLOCKS = (['stdout', 'stderr'] as const).flatMap((stream) =>
  (['lines', 'fragment'] as const).flatMap((kind) =>
    [false, true].map((afterCarriageReturn): OutputBlock => {
      const bytes = Buffer.from('\n0123456789\n');
      return { stream, kind, afterCarriageReturn, timestamp: 1_700_000_000_123, eventCount: 2, bytes };
    }),
  ),
);

function encode(block: OutputBlock): Buffer {
  return Buffer.concat([encodeRecordHeader(block), block.bytes]);
}

test.each(BLOCKS)(
  'a $kind record of $stream, after CR: $afterCarriageReturn, reads back as it was',
  (block) => {
    expect(decodeRecord(encode(block), 0)).toEqual(block);
  },
);

test.each([
  { name: 'no bytes', more: { bytes: Buffer.alloc(0), eventCount: 0 } },
  { name: 'many events', more: { eventCount: 0xffff_ffff } },
  { name: 'a time with a fraction', more: { timestamp: 1_700_000_000_123.25 } },
  { name: 'a time before 1970', more: { timestamp: -1 } },
])('a record with $name reads back as it was', ({ more }) => {
  const block: OutputBlock = {
    stream: 'stdout',
    kind: 'lines',
    afterCarriageReturn: false,
    timestamp: 0,
    eventCount: 1,
    bytes: Buffer.from('a\n'),
    ...more,
  };
  expect(decodeRecord(encode(block), 0)).toEqual(block);
});

test('records stand one behind the other, each telling its size', () => {
  const bytes = Buffer.concat(BLOCKS.map(encode));
  const read: OutputBlock[] = [];
  for (let start = 0; start < bytes.length; start += recordSize(bytes, start) ?? Number.NaN) {
    read.push(decodeRecord(bytes, start));
  }
  expect(read).toEqual(BLOCKS);
});

test('the size of a record is not known before its header is whole', () => {
  const [block] = BLOCKS;
  const bytes = block ? encode(block) : Buffer.alloc(0);
  expect(recordSize(bytes.subarray(0, RECORD_HEADER_BYTES - 1), 0)).toBeUndefined();
  expect(recordSize(bytes.subarray(0, RECORD_HEADER_BYTES), 0)).toBe(bytes.length);
});
