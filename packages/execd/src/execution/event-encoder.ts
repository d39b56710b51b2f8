import type { OutputBlock } from '../output/output-block.ts';
import type { StreamEvent } from './event-schema.ts';

/**
 * How events stand on the wire. `bare`: the JSON object and a blank line, as every official SDK reads it (contract
 * §2.1). `sse`: standard server-sent events with the event's ordinal as `id`.
 */
export type EventFraming = 'bare' | 'sse';

const LF = 10;
const CR = 13;

/** One event, framed. The ordinal counts the events that are no pings, from 1; pings have none. */
export function encodeEvent(event: StreamEvent, framing: EventFraming, ordinal?: number): string {
  const json = escapeLineSeparators(JSON.stringify(event));
  if (framing === 'bare') return `${json}\n\n`;
  return ordinal === undefined ? `data: ${json}\n\n` : `id: ${ordinal}\ndata: ${json}\n\n`;
}

/**
 * The events of a block, framed, the first `skip` left out; `firstOrdinal` is that of the block's first event. Bare
 * events of plain text have a faster way, `plain-lines.ts`.
 */
export function encodeBlock(
  block: OutputBlock,
  framing: EventFraming,
  firstOrdinal: number,
  skip = 0,
): string {
  const prefix = eventPrefix(block);
  const suffix = eventSuffix(block);
  const text = block.bytes.toString();
  if (framing === 'bare' && skip === 0) {
    const fast = encodeWholeLines(block, text, prefix, suffix);
    if (fast !== undefined) return escapeLineSeparators(fast);
  }
  let encoded = '';
  let ordinal = firstOrdinal;
  for (const event of eventTexts(block, text)) {
    if (ordinal >= firstOrdinal + skip) {
      const head = framing === 'bare' ? prefix : `id: ${ordinal}\ndata: ${prefix}`;
      encoded += head + jsonContent(event) + suffix;
    }
    ordinal += 1;
  }
  return escapeLineSeparators(encoded);
}

/** What stands before the text of each event of a block. */
export function eventPrefix({ stream }: OutputBlock): string {
  return `{"type":"${stream}","text":"`;
}

/** What stands behind it, the blank line included. */
export function eventSuffix({ timestamp }: OutputBlock): string {
  return `","timestamp":${timestamp}}\n\n`;
}

/**
 * Lines that end with LF and of which none is blank, all at once: one JSON string for the block and one native replace,
 * three times faster than a JSON string a line. Undefined when the block is not of that kind.
 */
function encodeWholeLines(
  block: OutputBlock,
  text: string,
  prefix: string,
  suffix: string,
): string | undefined {
  const lines = block.kind === 'lines' ? text.slice(0, -1) : text;
  if (lines === '' || lines.startsWith('\n') || lines.endsWith('\n') || lines.includes('\n\n'))
    return undefined;
  // With a backslash in the text, an escaped LF could not be told from one; CR ends a line of its own.
  if (text.includes('\\') || text.includes('\r')) return undefined;
  return prefix + jsonContent(lines).replaceAll('\\n', suffix + prefix) + suffix;
}

/** The text of each event: lines without their terminator, blank lines as one LF (contract §2.7). */
function* eventTexts(block: OutputBlock, text: string): Generator<string> {
  if (block.kind === 'fragment') {
    yield text;
    return;
  }
  let start = 0;
  let afterCarriageReturn = block.afterCarriageReturn;
  for (let index = 0; index < text.length; index += 1) {
    const character = text.charCodeAt(index);
    if (character !== LF && character !== CR) continue;
    if (index > start) yield text.slice(start, index);
    else if (character === CR || !afterCarriageReturn) yield '\n';
    afterCarriageReturn = character === CR;
    start = index + 1;
  }
}

/** The text as the inside of a JSON string. */
function jsonContent(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

/**
 * NEL, LS and PS: JSON leaves them as they are, but the Python SDK's line reader splits at them, which would tear an
 * event apart.
 */
export const LINE_SEPARATORS = ['\u0085', '\u2028', '\u2029'];

/** The same JSON without a character that some client takes for the end of a line. */
export function escapeLineSeparators(json: string): string {
  let escaped = json;
  for (const separator of LINE_SEPARATORS) {
    // `includes` is far cheaper than a replace that finds nothing.
    if (escaped.includes(separator)) escaped = escaped.replaceAll(separator, unicodeEscape(separator));
  }
  return escaped;
}

function unicodeEscape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
