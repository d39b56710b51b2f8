import { MultipartError } from './multipart-error.ts';

/** A part may have this many headers. */
const MAX_PART_HEADERS = 100;

/** RFC 2046 stops at 70; some clients do not. */
const MAX_BOUNDARY_LENGTH = 200;

/** The whole block as most clients send it; what it matches reads the same line by line, but not in a sixth of the time. */
const COMMON_BLOCK =
  /^content-disposition: form-data; name="([^"\\%\0\r\n]*)"(?:; filename="([^"\\%\0\r\n]*)")?\r\n(?:content-type:([^\0\r\n]*)\r\n)?\r\n$/i;

/**
 * `; name="quoted"`, `; name=plain` or `; name`. A quote inside the quoted text that nobody escaped, as the official
 * JavaScript SDK sends it when it streams, is one behind which no parameter ends; text that nothing closes goes on to
 * the end. Every alternative ends in a match, so that the search never goes back over what it read.
 */
const PARAMETER =
  /;[ \t]*([^;=]*)(?:=[ \t]*(?:"((?:\\["\\]|[^"]|"(?![ \t]*(?:;|$)))*)(?:"[^;]*)?|([^;]*)))?/y;

/** What a part says of itself. Percent and backslash escapes are undone. */
export interface PartHeaders {
  /** Name of the form field; undefined for a part without one, or whose disposition is not `form-data`. */
  readonly name: string | undefined;
  readonly filename: string | undefined;
  readonly contentType: string | undefined;
}

/**
 * The boundary that a Content-Type header names, quoted or not; undefined when the header is not multipart/form-data,
 * or its boundary could not delimit anything: empty, over 200 characters, not printable ASCII, with a space at the end.
 */
export function multipartBoundary(contentType: string | undefined): string | undefined {
  if (contentType === undefined || typeOf(contentType) !== 'multipart/form-data') return undefined;
  const boundary = find(parametersOf(contentType), 'boundary');
  return boundary !== undefined && isBoundary(boundary) ? boundary : undefined;
}

/** Whether a body can be delimited by it. */
export function isBoundary(text: string): boolean {
  return text.length <= MAX_BOUNDARY_LENGTH && /^[ -~]*[!-~]$/.test(text);
}

/**
 * Reads the header lines of one part, which end in CRLF and may be folded. The first header of a name counts,
 * unknown ones do not. Throws `MultipartError` for a line without a colon, NUL, and more than 100 headers.
 */
export function parsePartHeaders(block: string, part: number): PartHeaders {
  const common = COMMON_BLOCK.exec(block);
  if (common) return { name: common[1], filename: common[2], contentType: common[3]?.trim() };
  if (block.includes('\0')) throw new MultipartError(`part ${part}: NUL in the headers`);
  const lines = unfold(block);
  let disposition: string | undefined;
  let contentType: string | undefined;
  let count = 0;
  for (let start = 0, end = 0; (end = lines.indexOf('\r\n', start)) >= 0; start = end + 2) {
    const line = lines.slice(start, end).trimEnd();
    if (line === '') continue;
    count += 1;
    if (count > MAX_PART_HEADERS)
      throw new MultipartError(`part ${part}: more than ${MAX_PART_HEADERS} headers`);
    const colon = line.indexOf(':');
    if (colon < 0) throw new MultipartError(`part ${part}: header line ${count} has no colon`);
    const name = line.slice(0, colon).trim().toLowerCase();
    if (name === 'content-disposition') disposition ??= line.slice(colon + 1);
    else if (name === 'content-type') contentType ??= line.slice(colon + 1).trim();
  }
  if (disposition === undefined) return { name: undefined, filename: undefined, contentType };
  return describe(disposition, contentType);
}

/** A line that begins with white space goes on with the one before. */
function unfold(block: string): string {
  return block.includes('\n ') || block.includes('\n\t') ? block.replaceAll(/\r\n[ \t]+/g, ' ') : block;
}

function describe(disposition: string, contentType: string | undefined): PartHeaders {
  const parameters = parametersOf(disposition);
  const name = typeOf(disposition) === 'form-data' ? textOf(parameters, 'name', 'name*') : undefined;
  return { name, filename: textOf(parameters, 'filename', 'filename*'), contentType };
}

/** The extended form (RFC 8187) wins where it can be read. */
function textOf(parameters: readonly Parameter[], plain: string, extended: string): string | undefined {
  const value = find(parameters, extended);
  return (value === undefined ? undefined : decodeExtended(value)) ?? find(parameters, plain);
}

/** `UTF-8'language'percent%20encoded`; undefined for another charset and for what is not UTF-8. */
function decodeExtended(value: string): string | undefined {
  const encoded = /^utf-8'[^']*'(.*)$/i.exec(value)?.[1];
  if (encoded === undefined) return undefined;
  try {
    return decodeURIComponent(encoded);
  } catch {
    return undefined;
  }
}

/** What stands before the first parameter, in lower case. */
function typeOf(value: string): string {
  const semicolon = value.indexOf(';');
  return (semicolon < 0 ? value : value.slice(0, semicolon)).trim().toLowerCase();
}

interface Parameter {
  /** In lower case. */
  readonly name: string;
  readonly text: string;
}

/** The first of a name counts. */
function find(parameters: readonly Parameter[], name: string): string | undefined {
  for (const parameter of parameters) if (parameter.name === name) return parameter.text;
  return undefined;
}

/** The parameters of `type; a=b; c="d"`. */
function parametersOf(value: string): Parameter[] {
  const parameters: Parameter[] = [];
  const first = value.indexOf(';');
  if (first < 0) return parameters;
  PARAMETER.lastIndex = first;
  for (let match = PARAMETER.exec(value); match; match = PARAMETER.exec(value)) {
    const [, name = '', quoted, plain] = match;
    const text = quoted === undefined ? plain?.trimEnd() : unescape(quoted);
    if (text !== undefined) parameters.push({ name: name.trimEnd().toLowerCase(), text });
  }
  return parameters;
}

/**
 * Undoes `\"` and `\\`, and what browsers and undici write instead: %22, %0D, %0A. Other backslashes are meant as such:
 * browsers do not escape them in `C:\path`.
 */
function unescape(text: string): string {
  const plain = text.includes('\\') ? text.replaceAll(/\\(["\\])/g, '$1') : text;
  return plain.includes('%') ? plain.replaceAll(/%(?:22|0D|0A)/gi, decodeURIComponent) : plain;
}
