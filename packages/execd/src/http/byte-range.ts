/** What a `Range` header asks of a resource (contract §7.8). */
export type ByteRange =
  /** No range was asked for, or the resource is empty: a 200 with everything. */
  | { readonly kind: 'whole' }
  /** A 206 with the bytes from `start` to `end`, both included, as in `Content-Range`. */
  | { readonly kind: 'part'; readonly start: number; readonly end: number }
  /** A 416: the header is well formed, but no byte of it exists. */
  | { readonly kind: 'unsatisfiable' }
  /** A 416: not a list of byte ranges. */
  | { readonly kind: 'malformed' };

const UNIT = 'bytes=';
const WHOLE: ByteRange = { kind: 'whole' };
const UNSATISFIABLE: ByteRange = { kind: 'unsatisfiable' };
const MALFORMED: ByteRange = { kind: 'malformed' };

/** `first-last`, `first-` or `-suffix`. Blanks may stand around the numbers. */
const SPECIFIER = /^(\d*)[ \t]*-[ \t]*(\d*)$/;

/**
 * Reads a `Range` header for a resource of `size` bytes. Of several ranges the first one that can be satisfied counts;
 * an end beyond the last byte is clamped. One malformed range spoils the whole header; no header, or an empty one, asks
 * for everything. Numbers may be of any size.
 */
export function parseByteRange(header: string | undefined, size: number): ByteRange {
  if (header === undefined || header === '') return WHOLE;
  if (!header.startsWith(UNIT)) return MALFORMED;
  const specifiers = header.slice(UNIT.length).split(',').map(trimBlanks);
  // A list may have empty elements (RFC 9110 §5.6.1), but not only those.
  const ranges = specifiers.filter((text) => text !== '').map((text) => parseSpecifier(text, size));
  if (ranges.length === 0 || ranges.includes(MALFORMED)) return MALFORMED;
  if (size === 0) return WHOLE;
  return ranges.find(({ kind }) => kind === 'part') ?? UNSATISFIABLE;
}

function parseSpecifier(text: string, size: number): ByteRange {
  const [, first = '', last = ''] = SPECIFIER.exec(text) ?? [];
  if (first === '') return last === '' ? MALFORMED : suffix(Number(last), size);
  // Positions in a file are exact as numbers. Larger ones are rounded, but not to below its size.
  const start = Number(first);
  const end = last === '' ? Infinity : Number(last);
  if (end < start) return MALFORMED;
  return start < size ? { kind: 'part', start, end: Math.min(end, size - 1) } : UNSATISFIABLE;
}

/** The last `length` bytes. None cannot be sent as a range: `Content-Range` has no way to say it. */
function suffix(length: number, size: number): ByteRange {
  if (length === 0) return UNSATISFIABLE;
  return { kind: 'part', start: Math.max(size - length, 0), end: size - 1 };
}

/** Without the blanks at both ends. A regular expression would take quadratic time for many blanks. */
function trimBlanks(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isBlank(text[start])) start += 1;
  while (end > start && isBlank(text[end - 1])) end -= 1;
  return text.slice(start, end);
}

function isBlank(character: string | undefined): boolean {
  return character === ' ' || character === '\t';
}
