import { describe, expect, test } from 'vitest';
import { encodeBlock, encodeEvent } from '../../src/execution/event-encoder.ts';
import type { EventFraming } from '../../src/execution/event-encoder.ts';
import type { OutputBlock } from '../../src/output/output-block.ts';
import { linesBlock, referenceTexts } from '../support/lines.ts';

const FRAMINGS: readonly EventFraming[] = ['bare', 'sse'];

/** One JSON.stringify an event. */
function naive(block: OutputBlock, framing: EventFraming, firstOrdinal: number): string[] {
  const { stream, timestamp } = block;
  const events =
    block.kind === 'fragment'
      ? [block.bytes.toString()]
      : referenceTexts(block.bytes, block.afterCarriageReturn);
  return events.map((text, index) => {
    const json = escapeSeparators(JSON.stringify({ type: stream, text, timestamp }));
    return framing === 'bare' ? `${json}\n\n` : `id: ${firstOrdinal + index}\ndata: ${json}\n\n`;
  });
}

function escapeSeparators(json: string): string {
  return json.replaceAll('\u0085', '\\u0085').replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029');
}

const BLOCKS = [
  { name: 'plain lines', block: linesBlock('one\ntwo\nthree\n') },
  { name: 'one line', block: linesBlock('one\n') },
  { name: 'letters beyond ASCII', block: linesBlock('é\n€\n😀\n') },
  { name: 'quotes', block: linesBlock('say "x"\n"\n') },
  { name: 'control characters', block: linesBlock('\ta\n\0\n\u001b[31mred\u001b[0m\n\u007f\n') },
  { name: 'a backslash at the end of a line', block: linesBlock('a\\\nb\n') },
  { name: 'an escaped LF as text', block: linesBlock('a\\nb\n"\\n"\n') },
  { name: 'a backslash before a quote', block: linesBlock('\\"\n\\\\"\n') },
  { name: 'a blank line in the middle', block: linesBlock('a\n\nb\n') },
  { name: 'a blank line at the start', block: linesBlock('\na\n') },
  { name: 'a blank line at the end', block: linesBlock('a\n\n') },
  { name: 'only a blank line', block: linesBlock('\n') },
  { name: 'CRLF', block: linesBlock('a\r\nb\r\n\r\n') },
  { name: 'CR alone', block: linesBlock('1%\r2%\r') },
  { name: 'the second half of a CRLF', block: linesBlock('\na\n', { afterCarriageReturn: true }) },
  { name: 'only the second half of a CRLF', block: linesBlock('\n', { afterCarriageReturn: true }) },
  { name: 'text behind a CR', block: linesBlock('a\n\n', { afterCarriageReturn: true }) },
  { name: 'line separators of Unicode', block: linesBlock('a\u0085b\n\u2028\n\u2029c\n') },
  { name: 'line separators and quotes', block: linesBlock('"\u2028"\n"\u0085\n') },
  { name: 'line separators and blank lines', block: linesBlock('\u2028\n\n\u0085\n') },
  { name: 'bytes that are not UTF-8', block: linesBlock(Buffer.from('61ff0ae2820a0a', 'hex')) },
  { name: 'what String.replace takes for patterns', block: linesBlock('$&\n$1 $$ $`\n"$&"\n') },
  { name: 'the wire format itself', block: linesBlock('{"type":"stdout","text":"a"}\n\ndata: x\n') },
  { name: 'stderr', block: linesBlock('a\n"\n', { stream: 'stderr', timestamp: 1 }) },
  { name: 'a plain fragment', block: linesBlock('held', { kind: 'fragment', eventCount: 1 }) },
  { name: 'a fragment to escape', block: linesBlock('"\\\0\u2029é', { kind: 'fragment', eventCount: 1 }) },
] as const;

describe('encodeBlock', () => {
  test.each(BLOCKS)('$name: the same as one JSON.stringify an event', ({ block }) => {
    for (const framing of FRAMINGS)
      expect(encodeBlock(block, framing, 41)).toBe(naive(block, framing, 41).join(''));
  });

  test.each(BLOCKS)('$name: skipped events are left out, ordinals stay', ({ block }) => {
    for (const framing of FRAMINGS) {
      for (let skip = 0; skip <= block.eventCount; skip += 1) {
        expect(encodeBlock(block, framing, 9, skip)).toBe(naive(block, framing, 9).slice(skip).join(''));
      }
    }
  });
});

describe('encodeEvent', () => {
  const event = { type: 'init', text: 'a\u2028"\n', timestamp: 5 } as const;
  const json = '{"type":"init","text":"a\\u2028\\"\\n","timestamp":5}';

  test('contract §2.1: bare is one JSON object and a blank line', () => {
    expect(encodeEvent(event, 'bare', 3)).toBe(`${json}\n\n`);
  });

  test('sse has the ordinal as id', () => {
    expect(encodeEvent(event, 'sse', 3)).toBe(`id: 3\ndata: ${json}\n\n`);
  });

  test('a ping has no id, so that a client that reconnects names an event that counts', () => {
    const ping = encodeEvent({ type: 'ping', text: 'pong', timestamp: 5 }, 'sse');
    expect(ping).toBe('data: {"type":"ping","text":"pong","timestamp":5}\n\n');
  });
});
