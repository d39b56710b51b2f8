import { isAscii, isUtf8 } from 'node:buffer';
import type { OutputBlock } from '../output/output-block.ts';
import { LINE_SEPARATORS, eventPrefix, eventSuffix } from './event-encoder.ts';

const LF = 10;

/** The ASCII bytes that JSON escapes, but for LF, which separates the lines. CR is among them: it ends lines, too. */
const ESCAPED_BYTES = [0x22, 0x5c, ...Array.from({ length: 0x20 }, (_, code) => code)].filter(
  (code) => code !== LF,
);
const ESCAPED_CHARACTERS = LINE_SEPARATORS.map((character) => Buffer.from(character));
const BLANK_LINE = Buffer.from('\\n');

/**
 * Whether the block's bytes can stand in JSON strings as they are: UTF-8 without anything to escape but its line ends.
 * Thirty native searches are three times faster than one regular expression over the text.
 */
export function isPlain({ bytes }: OutputBlock): boolean {
  if (ESCAPED_BYTES.some((byte) => bytes.includes(byte))) return false;
  return (
    isAscii(bytes) || (isUtf8(bytes) && !ESCAPED_CHARACTERS.some((character) => bytes.includes(character)))
  );
}

/** Bytes that the bare events of a plain block take at the most. */
export function plainSize(block: OutputBlock): number {
  const frame = eventPrefix(block).length + eventSuffix(block).length + BLANK_LINE.length;
  return block.bytes.length + block.eventCount * frame;
}

/**
 * Writes the bare events of a plain block to `target` and returns where they end. Bytes are copied as they are: nothing
 * is decoded, and no string is made that the garbage collector would have to move.
 */
export function writePlainLines(block: OutputBlock, target: Buffer, start: number): number {
  const { bytes } = block;
  const suffix = Buffer.from(eventSuffix(block), 'latin1');
  const separator = Buffer.from(eventSuffix(block) + eventPrefix(block), 'latin1');
  const first = block.afterCarriageReturn && bytes[0] === LF ? 1 : 0;
  const end = block.kind === 'lines' ? bytes.length - 1 : bytes.length;
  if (first > end) return start;
  let at = start + target.write(eventPrefix(block), start, 'latin1');
  for (let lineStart = first; ;) {
    const found = lineStart < end ? bytes.indexOf(LF, lineStart) : end;
    const lineEnd = found < 0 || found > end ? end : found;
    at += lineEnd > lineStart ? bytes.copy(target, at, lineStart, lineEnd) : BLANK_LINE.copy(target, at);
    if (lineEnd >= end) break;
    at += separator.copy(target, at);
    lineStart = lineEnd + 1;
  }
  return at + suffix.copy(target, at);
}
