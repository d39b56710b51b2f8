import { expect, test } from 'vitest';
import { MultipartError } from '../../src/http/multipart-error.ts';
import { multipartBoundary, parsePartHeaders } from '../../src/http/multipart-header.ts';

const EVERY_RFC_2046_CHARACTER =
  "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'()+_,-./:=? x";

test.each([
  { header: 'multipart/form-data; boundary=B', boundary: 'B' },
  { header: 'multipart/form-data; boundary="5f0c-1"', boundary: '5f0c-1' },
  { header: 'Multipart/Form-Data;BOUNDARY=B', boundary: 'B' },
  { header: 'multipart/form-data ; charset=utf-8 ;\tboundary = B ; x=y', boundary: 'B' },
  { header: 'multipart/form-data; boundary=B; boundary=C', boundary: 'B' },
  { header: 'multipart/form-data; boundary="a b"', boundary: 'a b' },
  { header: 'multipart/form-data; boundary="a;b=c"; x=y', boundary: 'a;b=c' },
  { header: 'multipart/form-data; boundary=a/b:c=d,e?', boundary: 'a/b:c=d,e?' },
  {
    header: `multipart/form-data; boundary="${EVERY_RFC_2046_CHARACTER}"`,
    boundary: EVERY_RFC_2046_CHARACTER,
  },
  { header: `multipart/form-data; boundary=${'b'.repeat(200)}`, boundary: 'b'.repeat(200) },
  { header: 'multipart/form-data; x="; boundary=A"; boundary=B', boundary: 'B' },
])('contract §7.7: the boundary of $header is $boundary', ({ header, boundary }) => {
  expect(multipartBoundary(header)).toBe(boundary);
});

test.each([
  undefined,
  '',
  'multipart/form-data',
  'multipart/form-data;',
  'multipart/form-data; boundary',
  'multipart/form-data; boundary=',
  'multipart/form-data; boundary=""',
  'multipart/form-data; boundary="ends in a space "',
  'multipart/form-data; boundary="a\tb"',
  'multipart/form-data; boundary="a\u00e9"',
  'multipart/form-data; boundary="a%0D%0Ab"',
  `multipart/form-data; boundary=${'b'.repeat(201)}`,
  'multipart/mixed; boundary=B',
  'application/json; boundary=B',
  'x-multipart/form-data; boundary=B',
])('contract §7.7: %o has no boundary to use', (header) => {
  expect(multipartBoundary(header)).toBeUndefined();
});

const NAMELESS = { name: undefined, filename: undefined };

test.each([
  { value: 'form-data; name="file"; filename="a.txt"', name: 'file', filename: 'a.txt' },
  { value: 'form-data; name=file; filename=a.txt', name: 'file', filename: 'a.txt' },
  {
    value: "form-data; name=file; filename=a.txt; filename*=utf-8''%C3%A9.txt",
    name: 'file',
    filename: 'é.txt',
  },
  {
    value: 'form-data; filename*=UTF-8\'en\'%e2%82%AC%22; filename="x"; name=file',
    name: 'file',
    filename: '€"',
  },
  { value: "form-data; name*=UTF-8''f%20g", name: 'f g', filename: undefined },
  { value: "form-data; name=file; filename=a; filename*=UTF-8''%FF", name: 'file', filename: 'a' },
  { value: "form-data; name=file; filename=a; filename*=UTF-8''%", name: 'file', filename: 'a' },
  { value: "form-data; name=file; filename=a; filename*=koi8-r''b", name: 'file', filename: 'a' },
  { value: 'form-data; name=file; filename=a; filename*=b', name: 'file', filename: 'a' },
  { value: 'FORM-DATA;NAME="file";FileName="a"', name: 'file', filename: 'a' },
  { value: ' form-data ;\tname = "file" ; filename = a b ', name: 'file', filename: 'a b' },
  { value: 'form-data; name="file"; filename="a;b=c, d"', name: 'file', filename: 'a;b=c, d' },
  { value: 'form-data; name="file"; filename="a\\"b\\\\c"', name: 'file', filename: 'a"b\\c' },
  { value: 'form-data; name="file"; filename="a%22b%0d%0Ac%41"', name: 'file', filename: 'a"b\r\nc%41' },
  { value: 'form-data; name="fi%22le"', name: 'fi"le', filename: undefined },
  { value: 'form-data; name="file"; filename=a%22b', name: 'file', filename: 'a%22b' },
  { value: 'form-data; name="file"; filename="C:\\dir\\a.txt"', name: 'file', filename: 'C:\\dir\\a.txt' },
  { value: 'form-data; name="file"; filename="/tmp/é €/😀"', name: 'file', filename: '/tmp/é €/😀' },
  // As the JavaScript SDK streams `a"b.txt` and `a\`.
  { value: 'form-data; name="file"; filename="a"b.txt"', name: 'file', filename: 'a"b.txt' },
  { value: 'form-data; name="file"; filename="a\\"', name: 'file', filename: 'a"' },
  { value: 'form-data; name="file"; filename="open', name: 'file', filename: 'open' },
  { value: 'form-data; name="file"; filename=""', name: 'file', filename: '' },
  { value: 'form-data; name=""; filename=', name: '', filename: '' },
  { value: 'form-data; name="a"; name="b"; filename=c; filename=d', name: 'a', filename: 'c' },
  {
    value: 'form-data; name; filename="a"x; ; =y; name=file',
    name: undefined,
    filename: 'a"x; ; =y; name=file',
  },
  { value: 'form-data; name; ; =y; name=file;', name: 'file', filename: undefined },
  { value: 'form-data; x="name=a"; name="file"', name: 'file', filename: undefined },
  { value: 'form-data; xname=a; names=b; name=file', name: 'file', filename: undefined },
  { value: 'attachment; name="file"; filename="a"', name: undefined, filename: 'a' },
  { value: 'form-data', ...NAMELESS },
  { value: '', ...NAMELESS },
])('contract §7.7: Content-Disposition: $value', ({ value, name, filename }) => {
  const expected = { name, filename, contentType: undefined };
  expect(parsePartHeaders(`Content-Disposition: ${value}\r\n\r\n`, 1)).toEqual(expected);
  // Alone and in company, where another path of the code reads it.
  expect(parsePartHeaders(`X: y\r\nContent-Disposition:${value}\r\n\r\n`, 1)).toEqual(expected);
});

const DISPOSITION = 'Content-Disposition: form-data; name="file"';
const FILE = { name: 'file', filename: undefined, contentType: undefined };
const JSON_FILE = { ...FILE, contentType: 'application/json' };

test.each([
  { what: 'no headers', block: '\r\n', headers: { ...NAMELESS, contentType: undefined } },
  { what: 'a disposition', block: `${DISPOSITION}\r\n\r\n`, headers: FILE },
  {
    what: 'a type behind it',
    block: `${DISPOSITION}\r\nContent-Type: application/json\r\n\r\n`,
    headers: JSON_FILE,
  },
  {
    what: 'space behind the type',
    block: `${DISPOSITION}\r\nContent-Type:application/json \t\r\n\r\n`,
    headers: JSON_FILE,
  },
  {
    what: 'a type before it',
    block: `Content-Type: application/json\r\n${DISPOSITION}\r\n\r\n`,
    headers: JSON_FILE,
  },
  {
    what: 'names in another case',
    block: `content-type: application/json\r\n${DISPOSITION.toUpperCase()}\r\n\r\n`,
    headers: { ...JSON_FILE, name: 'FILE' },
  },
  {
    what: 'space before the colon',
    block: `Content-Type : application/json\r\n${DISPOSITION}\r\n\r\n`,
    headers: JSON_FILE,
  },
  {
    what: 'a type with parameters alone',
    block: 'Content-Type: text/plain; charset=utf-8\r\n\r\n',
    headers: { ...NAMELESS, contentType: 'text/plain; charset=utf-8' },
  },
  {
    what: 'unknown headers',
    block: `Content-Length: 5\r\n${DISPOSITION}\r\nContent-Transfer-Encoding: binary\r\nX: :y\r\n\r\n`,
    headers: FILE,
  },
  {
    what: 'the first of two dispositions',
    block: `${DISPOSITION}\r\nContent-Disposition: form-data; name="other"\r\n\r\n`,
    headers: FILE,
  },
  {
    what: 'the first of two types',
    block: `Content-Type: application/json\r\n${DISPOSITION}\r\nContent-Type: text/plain\r\n\r\n`,
    headers: JSON_FILE,
  },
  { what: 'a folded line', block: 'Content-Disposition: form-data;\r\n name="file"\r\n\r\n', headers: FILE },
  { what: 'a hundred headers', block: `${'X: y\r\n'.repeat(99)}${DISPOSITION}\r\n\r\n`, headers: FILE },
])('contract §7.7: a header block with $what is understood', ({ block, headers }) => {
  expect(parsePartHeaders(block, 1)).toEqual(headers);
});

test.each([
  { block: 'no colon\r\n\r\n', problem: 'part 7: header line 1 has no colon' },
  { block: `${DISPOSITION}\r\nnone here\r\n\r\n`, problem: 'part 7: header line 2 has no colon' },
  { block: 'X: a\0b\r\n\r\n', problem: 'part 7: NUL in the headers' },
  { block: 'Content-Disposition: form-data; name="a\0"\r\n\r\n', problem: 'part 7: NUL in the headers' },
  { block: `${'X: y\r\n'.repeat(101)}\r\n`, problem: 'part 7: more than 100 headers' },
])('$problem', ({ block, problem }) => {
  expect(() => parsePartHeaders(block, 7)).toThrow(new MultipartError(problem));
});
