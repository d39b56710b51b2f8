import { expect, test } from 'vitest';
import { LineSplitter, MAX_EVENT_TEXT_BYTES } from '../../src/output/line-splitter.ts';
import { TIMESTAMP, encode, eventTexts, split } from '../support/lines.ts';

/** The Go SDK drops longer events. */
const GO_LINE_LIMIT_BYTES = 4 * 1024 * 1024;

test.each([
  { input: 'a\n\nb\n\n\nc\n', events: ['a', '\n', 'b', '\n', '\n', 'c'] },
  { input: 'x\r\ny', events: ['x', 'y'] },
  { input: '10%\r20%\r', events: ['10%', '20%'] },
  { input: '\r\r', events: ['\n', '\n'] },
  { input: 'a\r\r\n', events: ['a', '\n'] },
  { input: 'hi', events: ['hi'] },
  { input: '', events: [] },
  { input: '\n', events: ['\n'] },
  { input: '\r\n', events: ['\n'] },
  { input: '\r\n\r\n', events: ['\n', '\n'] },
  { input: '\n\r', events: ['\n', '\n'] },
  { input: 'a\n\r\nb', events: ['a', '\n', 'b'] },
  { input: 'a\r\n\nb\n', events: ['a', '\n', 'b'] },
  { input: '  \n\t\n', events: ['  ', '\t'] },
  { input: '\0\na\0b\n', events: ['\0', 'a\0b'] },
  { input: 'a\vb\fc\u0085d\u2028e\u2029f\n', events: ['a\vb\fc\u0085d\u2028e\u2029f'] },
  { input: '\ufeffa\n\ufeffb', events: ['\ufeffa', '\ufeffb'] },
  { input: '   0%\r  50%\r 100%\ndone\n', events: ['   0%', '  50%', ' 100%', 'done'] },
])('contract §2.7: $input reads as $events, at once and byte by byte', ({ input, events }) => {
  const bytes = Buffer.from(input);
  expect(eventTexts(split([bytes]))).toEqual(events);
  expect(eventTexts(split(Array.from(bytes, (byte) => Buffer.from([byte]))))).toEqual(events);
});

test('contract §2.7: CRLF split across reads gives one blank line only', () => {
  expect(eventTexts(split([Buffer.from('a\n\r'), Buffer.from('\nb\n')]))).toEqual(['a', '\n', 'b']);
});

test('contract §2.7: CR state lasts over reads that bring nothing', () => {
  expect(eventTexts(split([Buffer.from('a\r'), Buffer.alloc(0), Buffer.from('\n\n')]))).toEqual(['a', '\n']);
});

test('contract §2.7: LF after the end of a CRLF is a blank line', () => {
  expect(eventTexts(split([Buffer.from('a\r'), Buffer.from('\n'), Buffer.from('\n')]))).toEqual(['a', '\n']);
});

test.each(['é', '€', '😀'])('contract §2.7: %s is whole wherever a read ends', (character) => {
  const bytes = Buffer.from(`a${character}b\n${character}`);
  for (let cut = 0; cut <= bytes.length; cut += 1) {
    expect(eventTexts(split([bytes.subarray(0, cut), bytes.subarray(cut)]))).toEqual([
      `a${character}b`,
      character,
    ]);
  }
});

test.each([
  { bytes: [0xff], text: '\ufffd' },
  { bytes: [0xe2, 0x82], text: '\ufffd' },
  { bytes: [0xf0, 0x9f, 0x98, 0x41], text: '\ufffdA' },
  { bytes: [0xed, 0xa0, 0x80], text: '\ufffd\ufffd\ufffd' },
])('contract §2.7: bytes $bytes that are not UTF-8 become U+FFFD', ({ bytes, text }) => {
  expect(eventTexts(split([Buffer.from(bytes), Buffer.from('\n')]))).toEqual([text]);
});

test('an unfinished line is held back until the end of the stream', () => {
  const splitter = new LineSplitter('stderr');
  const blocks = splitter.push(Buffer.from('one\ntw'), TIMESTAMP);
  expect(blocks.map(({ bytes }) => bytes.toString())).toEqual(['one\n']);
  expect(splitter.held.toString()).toBe('tw');
  expect(splitter.push(Buffer.from('o'), TIMESTAMP)).toEqual([]);
  expect(splitter.held.toString()).toBe('two');
  const [last, ...more] = splitter.end(TIMESTAMP + 1);
  expect(last).toMatchObject({ kind: 'fragment', stream: 'stderr', eventCount: 1, timestamp: TIMESTAMP + 1 });
  expect(last?.bytes.toString()).toBe('two');
  expect(more).toEqual([]);
  expect(splitter.end(TIMESTAMP)).toEqual([]);
});

test('held bytes do not change when the memory of the read is used again', () => {
  const splitter = new LineSplitter('stdout');
  const chunk = Buffer.from('keep');
  splitter.push(chunk, TIMESTAMP);
  chunk.fill('x');
  expect(eventTexts(splitter.push(Buffer.from('\n'), TIMESTAMP))).toEqual(['keep']);
});

test.each([
  { name: 'letters', piece: 'abcdefgh' },
  { name: 'quotes', piece: '"\\"\\"\\"\\' },
  { name: 'NUL bytes', piece: '\0\0\0\0\0\0\0\0' },
  { name: 'emoji', piece: '😀😀' },
  { name: 'line separators', piece: 'ab\u2028\u2029' },
])(
  'contract §2.1: a line of 16 MiB of $name comes as events below 4 MiB that join to the same text',
  ({ piece }) => {
    const bytes = Buffer.alloc(16 * 1024 * 1024, piece);
    const chunks: Buffer[] = [];
    for (let start = 0; start < bytes.length; start += 65_537)
      chunks.push(bytes.subarray(start, start + 65_537));
    const blocks = split([...chunks, Buffer.from('\nnext\n')]);
    const lines = encode(blocks, 'bare').split('\n\n');
    expect(Math.max(...lines.map((line) => Buffer.byteLength(line)))).toBeLessThan(GO_LINE_LIMIT_BYTES);
    const events = eventTexts(blocks);
    expect(events.length).toBeGreaterThan(4);
    expect(events.at(-1)).toBe('next');
    expect(events.slice(0, -1).join('') === bytes.toString()).toBe(true);
  },
);

test('a line is not cut before its event is as large as it may be', () => {
  const fits = Buffer.alloc(MAX_EVENT_TEXT_BYTES, 'a');
  expect(eventTexts(split([fits, Buffer.from('\n')])).map((text) => text.length)).toEqual([
    MAX_EVENT_TEXT_BYTES,
  ]);
  expect(eventTexts(split([fits, Buffer.from('b\n')])).map((text) => text.length)).toEqual([
    MAX_EVENT_TEXT_BYTES,
    1,
  ]);
});

test.each([
  { name: 'a letter', character: 'a', fitting: 64 },
  { name: 'a quote', character: '"', fitting: 32 },
  { name: 'a tab', character: '\t', fitting: 32 },
  { name: 'a control character', character: '\u0001', fitting: 10 },
  { name: 'NEL', character: '\u0085', fitting: 10 },
  { name: 'a character of two bytes', character: 'é', fitting: 10 },
  { name: 'a character of three bytes', character: '€', fitting: 7 },
  { name: 'a character of four bytes', character: '😀', fitting: 5 },
])('with events of 64 bytes, $name fits $fitting times and is never torn', ({ character, fitting }) => {
  const lengths = (count: number) => {
    const bytes = Buffer.from(`${character.repeat(count)}\n`);
    const whole = eventTexts(split([bytes], 64));
    expect(
      eventTexts(
        split(
          Array.from(bytes, (byte) => Buffer.from([byte])),
          64,
        ),
      ),
    ).toEqual(whole);
    return whole.map((text) => Array.from(text).length);
  };
  expect(lengths(fitting)).toEqual([fitting]);
  expect(lengths(fitting + 1)).toEqual([fitting, 1]);
  expect(lengths(2 * fitting)).toEqual([fitting, fitting]);
  expect(lengths(2 * fitting + 1)).toEqual([fitting, fitting, 1]);
});

test.each([63, 64, 65])(
  'a terminator behind %i letters, the limit being 64, makes no blank line',
  (length) => {
    const line = 'a'.repeat(length);
    for (const end of ['\n', '\r', '\r\n']) {
      expect(eventTexts(split([Buffer.from(line), Buffer.from(`${end}b${end}`)], 64)).join('')).toBe(
        `${line}b`,
      );
    }
  },
);
