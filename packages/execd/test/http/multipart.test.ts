import { expect, test } from 'vitest';
import { MultipartError } from '../../src/http/multipart-error.ts';
import { multipartBoundary } from '../../src/http/multipart-header.ts';
import { MAX_PART_HEADER_BYTES, MultipartParser } from '../../src/http/multipart.ts';
import type { PartEvent } from '../../src/http/multipart.ts';
import { partsOf, readParts, singleBytes } from '../support/multipart-reading.ts';
import type { ReadPart } from '../support/multipart-reading.ts';

const METADATA = '{"path":"/tmp/a.txt","mode":644}';
const CONTENT = 'first\r\nsecond\n\r\n--\r\n';
const PAIR: ReadPart[] = [
  { name: 'metadata', filename: 'metadata', contentType: 'application/json', content: METADATA },
  { name: 'file', filename: 'a.txt', contentType: 'application/octet-stream', content: CONTENT },
];

interface Shape {
  readonly client: string;
  readonly contentType: string;
  readonly body: string;
  readonly parts: readonly ReadPart[];
}

const SHAPES: readonly Shape[] = [
  {
    client: 'the JavaScript SDK, streaming',
    contentType: 'multipart/form-data; boundary=opensandbox_8f3a1bc0d1e_1795258790341',
    body:
      '--opensandbox_8f3a1bc0d1e_1795258790341\r\nContent-Disposition: form-data; name="metadata"; filename="metadata"\r\n' +
      `Content-Type: application/json\r\n\r\n${METADATA}\r\n--opensandbox_8f3a1bc0d1e_1795258790341\r\n` +
      'Content-Disposition: form-data; name="file"; filename="a.txt"\r\nContent-Type: application/octet-stream\r\n\r\n' +
      `${CONTENT}\r\n--opensandbox_8f3a1bc0d1e_1795258790341--\r\n`,
    parts: PAIR,
  },
  {
    client: '.NET',
    contentType: 'multipart/form-data; boundary="6d1f0a0c-4b5e-4f8e-9d7a-3c1e2b4a5f60"',
    body:
      '--6d1f0a0c-4b5e-4f8e-9d7a-3c1e2b4a5f60\r\nContent-Type: application/json\r\n' +
      "Content-Disposition: form-data; name=metadata; filename=metadata; filename*=utf-8''metadata\r\n\r\n" +
      `${METADATA}\r\n--6d1f0a0c-4b5e-4f8e-9d7a-3c1e2b4a5f60\r\nContent-Type: application/octet-stream\r\n` +
      "Content-Disposition: form-data; name=file; filename=a.txt; filename*=utf-8''a.txt\r\n\r\n" +
      `${CONTENT}\r\n--6d1f0a0c-4b5e-4f8e-9d7a-3c1e2b4a5f60--\r\n`,
    parts: PAIR,
  },
  {
    client: 'Go mime/multipart',
    contentType: 'multipart/form-data; boundary=3b1a5ce9e4f0a7d6c2b8e1f4a5d6c7b8e9f0a1b2c3d4e5f60718293a4b5c',
    body:
      '--3b1a5ce9e4f0a7d6c2b8e1f4a5d6c7b8e9f0a1b2c3d4e5f60718293a4b5c\r\n' +
      'Content-Disposition: form-data; name="metadata"; filename="metadata"\r\nContent-Type: application/json\r\n\r\n' +
      `${METADATA}\r\n--3b1a5ce9e4f0a7d6c2b8e1f4a5d6c7b8e9f0a1b2c3d4e5f60718293a4b5c\r\n` +
      'Content-Disposition: form-data; name="file"; filename="a\\"\\\\.txt"\r\nContent-Type: application/octet-stream\r\n\r\n' +
      `${CONTENT}\r\n--3b1a5ce9e4f0a7d6c2b8e1f4a5d6c7b8e9f0a1b2c3d4e5f60718293a4b5c--\r\n`,
    parts: PAIR.map((part) => (part.name === 'file' ? { ...part, filename: 'a"\\.txt' } : part)),
  },
  {
    client: 'Python httpx, two pairs',
    contentType: 'multipart/form-data; boundary=0f1e2d3c4b5a69788796a5b4c3d2e1f0',
    body:
      ['/tmp/a.txt', '/tmp/%22b.txt']
        .map(
          (filename) =>
            '--0f1e2d3c4b5a69788796a5b4c3d2e1f0\r\nContent-Disposition: form-data; name="metadata"; filename="metadata"\r\n' +
            `Content-Type: application/json\r\n\r\n${METADATA}\r\n--0f1e2d3c4b5a69788796a5b4c3d2e1f0\r\n` +
            `Content-Disposition: form-data; name="file"; filename="${filename}"\r\n` +
            `Content-Type: application/octet-stream\r\n\r\n${CONTENT}\r\n`,
        )
        .join('') + '--0f1e2d3c4b5a69788796a5b4c3d2e1f0--\r\n',
    parts: ['/tmp/a.txt', '/tmp/"b.txt'].flatMap((filename) =>
      PAIR.map((part) => (part.name === 'file' ? { ...part, filename } : part)),
    ),
  },
  {
    client: 'OkHttp',
    contentType: 'multipart/form-data; boundary=1e4f6a8c-0b2d-4c6e-8f0a-1b3d5f7a9c0e',
    body:
      '--1e4f6a8c-0b2d-4c6e-8f0a-1b3d5f7a9c0e\r\nContent-Disposition: form-data; name="metadata"; filename="metadata"\r\n' +
      `Content-Transfer-Encoding: binary\r\nContent-Type: application/json\r\nContent-Length: ${METADATA.length}\r\n\r\n` +
      `${METADATA}\r\n--1e4f6a8c-0b2d-4c6e-8f0a-1b3d5f7a9c0e\r\n` +
      'Content-Disposition: form-data; name="file"; filename="/tmp/a.txt"\r\nContent-Transfer-Encoding: binary\r\n' +
      `Content-Type: application/octet-stream\r\n\r\n${CONTENT}\r\n--1e4f6a8c-0b2d-4c6e-8f0a-1b3d5f7a9c0e--\r\n`,
    parts: PAIR.map((part) => (part.name === 'file' ? { ...part, filename: '/tmp/a.txt' } : part)),
  },
  {
    client: 'curl, with a field between',
    contentType: 'multipart/form-data; boundary=------------------------nQ0dFfJ5uT0T3mFqKqkGq1',
    body:
      '--------------------------nQ0dFfJ5uT0T3mFqKqkGq1\r\nContent-Disposition: form-data; name="metadata"; filename="metadata"\r\n' +
      `Content-Type: application/json\r\n\r\n${METADATA}\r\n--------------------------nQ0dFfJ5uT0T3mFqKqkGq1\r\n` +
      'Content-Disposition: form-data; name="field"\r\n\r\nvalue\r\n--------------------------nQ0dFfJ5uT0T3mFqKqkGq1\r\n' +
      'Content-Disposition: form-data; name="file"; filename="a.txt"\r\nContent-Type: application/octet-stream\r\n\r\n' +
      `${CONTENT}\r\n--------------------------nQ0dFfJ5uT0T3mFqKqkGq1--\r\n`,
    parts: PAIR.toSpliced(1, 0, {
      name: 'field',
      filename: undefined,
      contentType: undefined,
      content: 'value',
    }),
  },
];

test.each(SHAPES)(
  'contract §7.7: what $client sends is read, at once and byte by byte',
  ({ contentType, body, parts }) => {
    const boundary = multipartBoundary(contentType) ?? '';
    const bytes = Buffer.from(body);
    expect(readParts(boundary, [bytes])).toEqual(parts);
    expect(readParts(boundary, singleBytes(bytes))).toEqual(parts);
  },
);

test.each(SHAPES)(
  'contract §7.7: what $client sends is read wherever it is cut',
  ({ contentType, body, parts }) => {
    const boundary = multipartBoundary(contentType) ?? '';
    const bytes = Buffer.from(body);
    for (let cut = 0; cut <= bytes.length; cut += 1) {
      expect(readParts(boundary, [bytes.subarray(0, cut), bytes.subarray(cut)]), `cut at ${cut}`).toEqual(
        parts,
      );
    }
  },
);

test('contract §14.1: a FormData of this Node.js is read with every byte and awkward name', async () => {
  const bytes = Uint8Array.from({ length: 1024 }, (_value, index) => index % 256);
  const form = new FormData();
  form.append('metadata', new Blob([METADATA], { type: 'application/json' }), 'metadata');
  form.append('file', new Blob([bytes]), 'a"b\\c\r\n€ 😀;.txt');
  form.append('field', 'é');
  const message = new Response(form);
  const boundary = multipartBoundary(message.headers.get('content-type') ?? undefined) ?? '';
  const body = Buffer.from(await message.arrayBuffer());
  expect(readParts(boundary, [body])).toEqual([
    PAIR[0],
    {
      name: 'file',
      filename: 'a"b\\c\r\n€ 😀;.txt',
      contentType: 'application/octet-stream',
      content: Buffer.from(bytes).toString('latin1'),
    },
    {
      name: 'field',
      filename: undefined,
      contentType: undefined,
      content: Buffer.from('é').toString('latin1'),
    },
  ]);
});

test.each([
  { what: 'a preamble', body: 'a preamble\r\n--BX\r\n\n--B\r\n--B\r\n\r\nx\r\n--B--\r\n', contents: ['x'] },
  { what: 'an empty preamble', body: '\r\n--B\r\n\r\nx\r\n--B--\r\n', contents: ['x'] },
  {
    what: 'an epilogue',
    body: '--B\r\n\r\nx\r\n--B--\r\nmore\r\n--B\r\n\r\ny\r\n--B--\r\n',
    contents: ['x'],
  },
  { what: 'no line end at the end', body: '--B\r\n\r\nx\r\n--B--', contents: ['x'] },
  { what: 'only a line feed at the end', body: '--B\r\n\r\nx\r\n--B--\n', contents: ['x'] },
  {
    what: 'white space behind the boundaries',
    body: '--B \t\r\n\r\nx\r\n--B  \r\n\r\ny\r\n--B-- \t\r\n',
    contents: ['x', 'y'],
  },
  {
    what: 'line feeds in the headers, which end no line',
    body: '--B\nX: y\n\nz\r\n\r\nx\r\n--B\n\r\ny\r\n--B--\r\n',
    contents: ['x', 'y'],
  },
  { what: 'no parts', body: '--B--\r\n', contents: [] },
  { what: 'empty parts', body: '--B\r\n\r\n\r\n--B\r\n\r\n\r\n--B--\r\n', contents: ['', ''] },
  {
    what: 'empty parts without a line end',
    body: '--B\r\n\r\n--B\r\nX: y\r\n\r\n--B--\r\n',
    contents: ['', ''],
  },
  { what: 'line ends only', body: '--B\r\n\r\n\r\n\r\n\r\n--B--\r\n', contents: ['\r\n\r\n'] },
  { what: 'lone carriage returns', body: '--B\r\n\r\n\r\r\r\r\n--B--\r\n', contents: ['\r\r\r'] },
  {
    what: 'a boundary without a line end before it',
    body: '--B\r\n\r\nx--B\r\n\n--B\r\n\r--B\r\n--B--\r\n',
    contents: ['x--B\r\n\n--B\r\n\r--B'],
  },
  {
    what: 'a longer boundary',
    body: '--B\r\n\r\n--BX\r\n--BX\r\n--B-X\r\n--B-\r\n--B--\r\n',
    contents: ['--BX\r\n--BX\r\n--B-X\r\n--B-'],
  },
  {
    what: 'a shorter boundary',
    body: '--B\r\n\r\nx\r\n--\r\n-B\r\n--b\r\n--B--\r\n',
    contents: ['x\r\n--\r\n-B\r\n--b'],
  },
  {
    what: 'the closing delimiter of another',
    body: '--B\r\n\r\n--C--\r\n\r\n--B--\r\n',
    contents: ['--C--\r\n'],
  },
  { what: 'NUL and 8-bit bytes', body: '--B\r\n\r\n\0\xff\xfe\r\n--B--\r\n', contents: ['\0\xff\xfe'] },
])('contract §7.7: content is exact with $what, wherever the body is cut', ({ body, contents }) => {
  const bytes = Buffer.from(body, 'latin1');
  const read = (chunks: Buffer[]) => readParts('B', chunks).map(({ content }) => content);
  expect(read(singleBytes(bytes))).toEqual(contents);
  for (let cut = 0; cut <= bytes.length; cut += 1) {
    expect(read([bytes.subarray(0, cut), bytes.subarray(cut)]), `cut at ${cut}`).toEqual(contents);
  }
});

test.each(['B', '-', '--', 'B-', "'()+_,-./:=? x", 'aaaaaaaa', '----aXb', 'b'.repeat(200)])(
  'contract §7.7: the boundary %s delimits',
  (boundary) => {
    const body = `--${boundary}\r\n\r\nx\r\n-\r\n--${boundary.slice(0, -1)}\r\n--${boundary}\r\n\r\ny\r\n--${boundary}--\r\n`;
    for (const chunks of [[Buffer.from(body)], singleBytes(Buffer.from(body))]) {
      const contents = readParts(boundary, chunks).map(({ content }) => content);
      expect(contents).toEqual([`x\r\n-\r\n--${boundary.slice(0, -1)}`, 'y']);
    }
  },
);

const PART = 'Content-Disposition: form-data; name="file"\r\n\r\nx';
const NEVER_CLOSED = 'the body ends without the closing delimiter';

test.each([
  { body: '', problem: NEVER_CLOSED },
  { body: 'something else', problem: NEVER_CLOSED },
  { body: '--C\r\n\r\nx\r\n--C--\r\n', problem: NEVER_CLOSED },
  { body: '--B', problem: NEVER_CLOSED },
  { body: '--B-', problem: NEVER_CLOSED },
  { body: '--B ', problem: NEVER_CLOSED },
  { body: '--B\r\n', problem: 'part 1: the body ends within the headers' },
  { body: '--B\r\nX: y\r\n', problem: 'part 1: the body ends within the headers' },
  { body: `--B\r\n${PART}`, problem: `part 1: ${NEVER_CLOSED}` },
  { body: `--B\r\n${PART}\n--B--\n`, problem: `part 1: ${NEVER_CLOSED}` },
  { body: `--B\r\n${PART}\r\n--B\r\n${PART}\r\n`, problem: `part 2: ${NEVER_CLOSED}` },
  { body: `--B\r\n${PART}\r\n--B\r\n${PART}\r\n--B`, problem: `part 2: ${NEVER_CLOSED}` },
  { body: `--B\r\n${PART}\r\n--B\r\n${PART}\r\n--B-`, problem: `part 2: ${NEVER_CLOSED}` },
  { body: `--B\r\n${PART}\r\n--B\r\n${PART}\r\n--B\r`, problem: `part 2: ${NEVER_CLOSED}` },
  { body: `--B\r\n${PART}\r\n--B\r\nX`, problem: 'part 2: the body ends within the headers' },
  { body: '--B x\r\n', problem: 'text behind the boundary that follows' },
  { body: `--B\r\n${PART}\r\n--B\rx`, problem: 'part 1: text behind the boundary that follows' },
  { body: `--B\r\n${PART}\r\n--B--x`, problem: 'part 1: text behind the closing delimiter' },
  { body: `--B\r\n${PART}\r\n--B\r\nfile: y\r\nfile\r\n\r\n`, problem: 'part 2: header line 2 has no colon' },
  { body: `--B\r\n${PART}\r\n--B\r\nX: \0\r\n\r\n`, problem: 'part 2: NUL in the headers' },
  { body: `--B\r\n${PART}\r\n--B\r\n${'X:\r\n'.repeat(101)}\r\n`, problem: 'part 2: more than 100 headers' },
  {
    body: `--B\r\n${PART}\r\n--B\r\nX: ${'y'.repeat(MAX_PART_HEADER_BYTES)}`,
    problem: 'part 2: headers of more than 16384 bytes',
  },
])('the body %o is refused', ({ body, problem }) => {
  const expected = new MultipartError(problem);
  expect(() => readParts('B', [Buffer.from(body)])).toThrow(expected);
  expect(() => readParts('B', singleBytes(Buffer.from(body)))).toThrow(expected);
});

test.each(['', 'a\r\nb', 'a ', 'é', 'b'.repeat(201)])('%o is refused as a boundary', (boundary) => {
  expect(() => new MultipartParser(boundary)).toThrow(MultipartError);
});

test.each([0, 1])('headers of the limit and %i bytes more', (excess) => {
  const header = `X: ${'y'.repeat(MAX_PART_HEADER_BYTES - 'X: \r\n\r\n'.length + excess)}\r\n\r\n`;
  const body = Buffer.from(`--B\r\n${header}x\r\n--B--\r\n`);
  for (const chunks of [[body], singleBytes(body), [body.subarray(0, 9_000), body.subarray(9_000)]]) {
    if (excess > 0) expect(() => readParts('B', chunks)).toThrow('part 1: headers of more than 16384 bytes');
    else expect(readParts('B', chunks).map(({ content }) => content)).toEqual(['x']);
  }
});

test('parts of which each has long headers in pieces keep their own', () => {
  const names = ['a', 'b', 'c'].map((letter) => letter.repeat(10_000));
  const body = names
    .map((name) => `--B\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n\r\n`)
    .join('');
  const chunks = singleBytes(Buffer.from(`${body}--B--`));
  expect(readParts('B', chunks).map(({ name }) => name)).toEqual(names);
});

test('the parser knows the number of the part at every event', () => {
  const parser = new MultipartParser('B');
  const seen: string[] = [];
  expect(parser.partCount).toBe(0);
  for (const { kind } of parser.parse(Buffer.from('--B\r\n\r\nx\r\n--B\r\n\r\n\r\n--B--'))) {
    seen.push(`${kind} ${parser.partCount}`);
  }
  expect(seen).toEqual(['begin 1', 'data 1', 'end 1', 'begin 2', 'end 2']);
});

test('what comes before an error is handed out', () => {
  const parser = new MultipartParser('B');
  const events: PartEvent[] = [];
  const read = () => {
    for (const event of parser.parse(Buffer.from('--B\r\n\r\nx\r\n--B\r\nno colon\r\n\r\n')))
      events.push(event);
  };
  expect(read).toThrow('part 2: header line 1 has no colon');
  expect(partsOf(events).map(({ content }) => content)).toEqual(['x']);
});

test('content in one chunk is one view of it, not a copy', () => {
  const chunk = Buffer.from('--B\r\n\r\nx\r\n--BX\r\n--B-\r\r\n--B--');
  const views = [...new MultipartParser('B').parse(chunk)].flatMap((event) =>
    event.kind === 'data' ? [event.bytes] : [],
  );
  expect(views.map(String)).toEqual(['x\r\n--BX\r\n--B-\r']);
  chunk.fill('y');
  expect(views.map(String)).toEqual(['y'.repeat(14)]);
});

test('an event can be waited for before the next is looked for', () => {
  const events = new MultipartParser('B').parse(Buffer.from('--B\r\n\r\nx\r\n--B\r\nno colon\r\n\r\n'));
  expect(events.next().value).toMatchObject({ kind: 'begin' });
  expect(events.next().value).toMatchObject({ kind: 'data' });
  expect(events.next().value).toMatchObject({ kind: 'end' });
  expect(() => events.next()).toThrow(MultipartError);
});
