import { MultipartParser } from '../../src/http/multipart.ts';
import type { PartEvent } from '../../src/http/multipart.ts';

/** One part with its whole content, a byte a character. */
export interface ReadPart {
  readonly name: string | undefined;
  readonly filename: string | undefined;
  readonly contentType: string | undefined;
  readonly content: string;
}

/** All parts of a body that arrives in these chunks. Their bytes are read when all chunks have been parsed. */
export function readParts(boundary: string, chunks: Iterable<Buffer>): ReadPart[] {
  const parser = new MultipartParser(boundary);
  const events: PartEvent[] = [];
  for (const chunk of chunks) events.push(...parser.parse(chunk));
  parser.finish();
  return partsOf(events);
}

/** Throws when the events do not come as they should. */
export function partsOf(events: readonly PartEvent[]): ReadPart[] {
  const parts: ReadPart[] = [];
  let open: (PartEvent & { kind: 'begin' }) | undefined;
  let content: Buffer[] = [];
  for (const event of events) {
    if ((event.kind === 'begin') === (open !== undefined))
      throw new Error(`${event.kind} at the wrong place`);
    if (event.kind === 'begin') open = event;
    else if (event.kind === 'data') content.push(event.bytes);
    else if (open) {
      parts.push({ ...open.headers, content: Buffer.concat(content).toString('latin1') });
      open = undefined;
      content = [];
    }
  }
  if (open) throw new Error('no end of the last part');
  return parts;
}

/** One byte each. */
export function singleBytes(bytes: Buffer): Buffer[] {
  return Array.from(bytes, (_byte, index) => bytes.subarray(index, index + 1));
}

/** Contents of the parts by the grammar of RFC 2046, applied to the whole body; undefined where it does not apply. */
export function referenceContents(boundary: string, body: Buffer): string[] | undefined {
  const text = body.toString('latin1');
  const contents: string[] = [];
  let content = '';
  let isLineStart = true;
  for (let at = 0; at < text.length;) {
    const start = isLineStart && text.startsWith(`--${boundary}`, at) ? at : at + 2;
    const isDelimiter = start === at || text.startsWith(`\r\n--${boundary}`, at);
    const rest = isDelimiter ? text.slice(start + 2 + boundary.length) : '';
    isLineStart = false;
    if (rest.startsWith('--')) {
      return /^--(?![^ \t\r\n])/.test(rest) ? [...contents, content].slice(1) : undefined;
    }
    if (/^[ \t\r\n]/.test(rest)) {
      const head = /^[ \t\r]*\n(?:\r+\n|[^]*?\r\n\r+\n)/.exec(rest)?.[0];
      if (head === undefined) return undefined;
      contents.push(content);
      content = '';
      isLineStart = true;
      at = text.length - rest.length + head.length;
    } else {
      content += text[at];
      at += 1;
    }
  }
  return undefined;
}
