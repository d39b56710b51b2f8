import { expect, test } from 'vitest';
import { MultipartError } from '../../src/http/multipart-error.ts';
import { parsePartHeaders } from '../../src/http/multipart-header.ts';
import { MultipartParser } from '../../src/http/multipart.ts';
import { readParts, referenceContents } from '../support/multipart-reading.ts';
import { chunked, nastyBytes, seededRandom } from '../support/random.ts';
import type { Random } from '../support/random.ts';

const CASES = 3_000;
const FUZZ_CASES = 20_000;
const BOUNDARIES = ['B', '-', 'aab', '----WebKitFormBoundary7MA4YWxkTrZu0gW', 'b'.repeat(70)] as const;
/** Bytes between a delimiter's first and the one that decides about it: CR LF, two dashes, another two behind it. */
const MARK_BYTES = 6;

/** What header blocks are made of. */
const HEADER_PIECES = [
  'Content-Disposition:',
  'Content-Type:',
  'form-data',
  'name',
  'filename',
  ';',
  ' ',
  '\t',
  '=',
  '"',
  '\\',
  '%22',
  '%',
  "UTF-8''",
  '*',
  '\r\n',
  '\n',
  '\0',
  ':',
  'é',
  'a',
] as const;

/** Content made of what delimiters are made of. */
function nearDelimiters(random: Random, boundary: string, pieces: number): Buffer {
  const delimiter = Buffer.from(`\r\n--${boundary}`);
  const piece = () => {
    switch (random.below(8)) {
      case 0:
        return delimiter;
      case 1:
        return delimiter.subarray(0, random.below(delimiter.length));
      case 2:
        return delimiter.subarray(random.below(delimiter.length));
      case 3:
        return Buffer.from(random.pick(['--', '-', ' ', '\t', 'x']));
      case 4:
        return Buffer.from(random.pick(['\r', '\n', '\r\n', '\r\r\n', '\r\n\r\n']));
      case 5:
        return Buffer.from(`--${boundary}`);
      default:
        return nastyBytes(random, 1 + random.below(4));
    }
  };
  return Buffer.concat(Array.from({ length: pieces }, piece));
}

/** Near-delimiters without a delimiter, also when one follows. */
function safeContent(random: Random, boundary: string): Buffer {
  for (;;) {
    const content = nearDelimiters(random, boundary, random.below(12));
    const rest = `\r\n${content.toString('latin1')}`.split(`\r\n--${boundary}`).slice(1);
    if (rest.every((text) => /^(?!--)[^ \t\r\n]/.test(text))) return content;
  }
}

function bodyOf(random: Random, boundary: string, contents: readonly Buffer[]): Buffer {
  const parts = contents.flatMap((content, index) => {
    const disposition = `Content-Disposition: form-data; name="part ${index}"; filename="é${index}"`;
    const head = random.pick([`${disposition}\r\n\r\n`, `X: y\r\n${disposition}\r\n\r\n`]);
    return [
      Buffer.from(`--${boundary}${random.pick(['', ' ', '\t '])}\r\n${head}`),
      content,
      Buffer.from('\r\n'),
    ];
  });
  return Buffer.concat([
    ...parts,
    Buffer.from(`--${boundary}--${random.pick(['', '\r\n', '\r\nepilogue'])}`),
  ]);
}

test('contract §7.7: parts are what was put into the body, in every chunking', () => {
  for (let seed = 1; seed <= CASES; seed += 1) {
    const random = seededRandom(seed);
    const boundary = random.pick(BOUNDARIES);
    const contents = Array.from({ length: random.below(5) }, () => safeContent(random, boundary));
    const body = bodyOf(random, boundary, contents);
    const expected = contents.map((content, index) => ({
      name: `part ${index}`,
      filename: `é${index}`,
      contentType: undefined,
      content: content.toString('latin1'),
    }));
    for (const largest of [body.length, 1 + random.below(40), 2]) {
      const parts = readParts(boundary, chunked(random, body, largest));
      expect(
        parts,
        `seed ${seed}, chunks up to ${largest}, ${JSON.stringify(body.toString('latin1'))}`,
      ).toEqual(expected);
    }
  }
});

/** A valid body with some bytes changed, dropped, repeated or put in; or none at all. */
function mutated(random: Random, boundary: string): Buffer {
  if (random.below(8) === 0) return nearDelimiters(random, boundary, random.below(30));
  const contents = Array.from({ length: random.below(4) }, () =>
    nearDelimiters(random, boundary, random.below(6)),
  );
  let body = bodyOf(random, boundary, contents);
  for (let count = random.below(5); count > 0; count -= 1) {
    const start = random.below(body.length + 1);
    const end = random.pick([start, start + 1, start + random.below(20), random.below(body.length + 1)]);
    const middle = random.pick([
      Buffer.alloc(0),
      Buffer.from([random.below(256)]),
      Buffer.from(random.pick(['\r', '\n', '-', ' ', ':', '\0', '"', '\r\n\r\n'])),
      body.subarray(start, start + random.below(60)),
    ]);
    body = Buffer.concat([body.subarray(0, start), middle, body.subarray(end)]);
  }
  return body;
}

/** The contents or the message of the `MultipartError`; any other error goes through. */
function outcome(boundary: string, chunks: readonly Buffer[]): string[] | string {
  try {
    return readParts(boundary, chunks).map(({ content }) => content);
  } catch (error) {
    if (error instanceof MultipartError) return error.message;
    throw error;
  }
}

test('contract §7.7: a damaged body is read as the grammar says or refused, in every chunking alike', () => {
  let accepted = 0;
  for (let seed = 1; seed <= FUZZ_CASES; seed += 1) {
    const random = seededRandom(seed);
    const boundary = random.pick(BOUNDARIES);
    const body = mutated(random, boundary);
    const whole = outcome(boundary, [body]);
    const where = () => `seed ${seed}, boundary ${boundary}, ${JSON.stringify(body.toString('latin1'))}`;
    if (
      JSON.stringify(outcome(boundary, chunked(random, body, 1 + random.below(30)))) !== JSON.stringify(whole)
    ) {
      throw new Error(`${where()}: the chunking matters`);
    }
    // The reference knows the grammar of delimiters, not that of headers.
    if (typeof whole === 'string' && /colon|NUL/.test(whole)) continue;
    expect(referenceContents(boundary, body), where()).toEqual(typeof whole === 'string' ? undefined : whole);
    if (typeof whole !== 'string') accepted += 1;
  }
  expect(accepted).toBeGreaterThan(FUZZ_CASES / 20);
  expect(accepted).toBeLessThan(FUZZ_CASES / 2);
});

test('contract §7.7: a damaged header block is read or refused', () => {
  for (let seed = 1; seed <= FUZZ_CASES; seed += 1) {
    const random = seededRandom(seed);
    const pieces = Array.from({ length: random.below(40) }, () => random.pick(HEADER_PIECES));
    const block = `${random.pick(['', 'Content-Disposition: form-data; name='])}${pieces.join('')}\r\n\r\n`;
    try {
      const headers = parsePartHeaders(block, 1);
      // With another header it is read line by line in any case.
      expect(parsePartHeaders(`${block.slice(0, -2)}X: y\r\n\r\n`, 1), JSON.stringify(block)).toEqual(
        headers,
      );
    } catch (error) {
      if (!(error instanceof MultipartError)) throw error;
    }
  }
});

test.each([
  { what: 'beginnings of a delimiter', boundary: 'boundary', unit: '\r\n--bounda' },
  { what: 'all of it but one byte', boundary: 'b'.repeat(200), unit: `\r\n--${'b'.repeat(199)}` },
  { what: 'longer boundaries', boundary: 'boundary', unit: '\r\n--boundaryX' },
  { what: 'nearly the closing delimiter', boundary: 'boundary', unit: '\r\n--boundary-' },
  { what: 'carriage returns', boundary: 'boundary', unit: '\r' },
  { what: 'line ends', boundary: 'boundary', unit: '\r\n' },
  { what: 'what the boundary consists of', boundary: 'b'.repeat(200), unit: 'b' },
  { what: 'dashes', boundary: '-'.repeat(70), unit: 'x-' },
])(
  'of content that consists of $what no more than a delimiter is held back, in three events a chunk',
  ({ boundary, unit }) => {
    const random = seededRandom(1);
    const content = Buffer.alloc(64 * 1024 - 1, unit);
    const parser = new MultipartParser(boundary);
    expect([...parser.parse(Buffer.from(`--${boundary}\r\n\r\nstart`))]).toHaveLength(2);
    let held = 0;
    for (const largest of [content.length, 5_000, 50, 1]) {
      for (const chunk of chunked(random, content, largest)) {
        const events = [...parser.parse(chunk)];
        const bytes = events.reduce(
          (sum, event) => sum + (event.kind === 'data' ? event.bytes.length : 0),
          0,
        );
        held += chunk.length - bytes;
        if (held < 0 || held > boundary.length + MARK_BYTES || events.length > 3) {
          throw new Error(`${held} bytes held back, ${events.length} events for ${chunk.length} bytes`);
        }
      }
    }
    expect([...parser.parse(Buffer.from(`y\r\n--${boundary}--`))].at(-1)).toEqual({ kind: 'end' });
    parser.finish();
  },
);

test('a preamble without end gives no events', () => {
  const parser = new MultipartParser('B');
  const chunk = Buffer.alloc(64 * 1024, 'preamble\r\n--C\r\n');
  for (let count = 0; count < 100; count += 1) expect([...parser.parse(chunk)]).toEqual([]);
});

test('headers without end are refused at the limit', () => {
  const parser = new MultipartParser('B');
  const chunk = Buffer.alloc(1024, 'X: y\r\n');
  expect([...parser.parse(Buffer.from('--B\r\n'))]).toEqual([]);
  for (let count = 0; count < 16; count += 1) expect([...parser.parse(chunk)]).toEqual([]);
  expect(() => [...parser.parse(chunk)]).toThrow('part 1: headers of more than 16384 bytes');
});
