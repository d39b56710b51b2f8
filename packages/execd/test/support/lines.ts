import type { EventFraming } from '../../src/execution/event-encoder.ts';
import { encodeBlock } from '../../src/execution/event-encoder.ts';
import type { OutputBlock } from '../../src/output/output-block.ts';
import { LineSplitter } from '../../src/output/line-splitter.ts';
import { parseEvents, texts } from './execd.ts';

const LF = 10;
const CR = 13;
/** When everything in these tests was read, Unix ms. */
export const TIMESTAMP = 1_700_000_000_123;

/** The event texts of contract §2.7, rule by rule and byte by byte: slow and plain. */
export function referenceTexts(bytes: Buffer, afterCarriageReturn = false): string[] {
  const events: string[] = [];
  let line: number[] = [];
  let cr = afterCarriageReturn;
  for (const byte of bytes) {
    if (byte !== LF && byte !== CR) {
      line.push(byte);
      cr = false;
      continue;
    }
    if (line.length > 0) events.push(Buffer.from(line).toString());
    else if (byte === CR || !cr) events.push('\n');
    line = [];
    cr = byte === CR;
  }
  if (line.length > 0) events.push(Buffer.from(line).toString());
  return events;
}

/** What a splitter makes of a whole stdout that arrives in these chunks. */
export function split(chunks: readonly Buffer[], maxEventBytes?: number): OutputBlock[] {
  const splitter = new LineSplitter('stdout', { maxEventBytes });
  const blocks = chunks.flatMap((chunk) => splitter.push(chunk, TIMESTAMP));
  return [...blocks, ...splitter.end(TIMESTAMP)];
}

/** The texts of all events of the blocks, as a client reads them. */
export function eventTexts(blocks: readonly OutputBlock[]): string[] {
  return texts(parseEvents(encode(blocks, 'bare')));
}

/** The blocks as they go over the wire, with ordinals from 1. */
export function encode(blocks: readonly OutputBlock[], framing: EventFraming): string {
  let ordinal = 1;
  let encoded = '';
  for (const block of blocks) {
    encoded += encodeBlock(block, framing, ordinal);
    ordinal += block.eventCount;
  }
  return encoded;
}

/** A block of whole lines. */
export function linesBlock(text: string | Buffer, more: Partial<OutputBlock> = {}): OutputBlock {
  const bytes = Buffer.from(text);
  const eventCount = referenceTexts(bytes, more.afterCarriageReturn).length;
  return {
    stream: 'stdout',
    timestamp: TIMESTAMP,
    kind: 'lines',
    afterCarriageReturn: false,
    eventCount,
    bytes,
    ...more,
  };
}
