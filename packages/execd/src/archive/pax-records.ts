import { invalidArchive } from './invalid-archive.ts';

/** Of the extended header only what counts here: keyword to value, an empty one to take the keyword back. */
export type PaxRecords = Map<string, Buffer>;

const KEYWORDS = new Set(['path', 'linkpath', 'size', 'mtime', 'uid', 'gid']);
/** The content of such a file has a map of its holes in front. */
const SPARSE = 'GNU.sparse.';

const SPACE = 0x20;
const EQUALS = 0x3d;
const NEWLINE = 0x0a;

/**
 * The records of an extended header, `<length> <keyword>=<value>\n` each, where the length counts all of it. A value may
 * hold anything, line ends too. Throws `INVALID_ARCHIVE` for records that are none.
 */
export function readPaxRecords(bytes: Buffer): PaxRecords {
  const records: PaxRecords = new Map();
  for (let start = 0; start < bytes.length;) {
    const space = bytes.indexOf(SPACE, start);
    const digits = bytes.toString('latin1', start, Math.max(start, Math.min(space, start + 20)));
    const end = start + (/^[1-9]\d*$/.test(digits) ? Number(digits) : 0);
    const equals = bytes.indexOf(EQUALS, space);
    const isRecord = equals > space && equals < end && end <= bytes.length && bytes[end - 1] === NEWLINE;
    if (!isRecord) throw invalidArchive('malformed extended header');
    const keyword = bytes.toString('latin1', space + 1, equals);
    if (keyword.startsWith(SPARSE)) throw invalidArchive('sparse files are not taken');
    if (KEYWORDS.has(keyword)) records.set(keyword, bytes.subarray(equals + 1, end - 1));
    start = end;
  }
  return records;
}

/** One record, as bytes. */
export function paxRecord(keyword: string, value: string): Buffer {
  const text = ` ${keyword}=${value}\n`;
  const bytes = Buffer.byteLength(text);
  // The length counts its own digits.
  let length = bytes + String(bytes).length;
  if (String(length).length > String(bytes).length) length = bytes + String(length).length;
  return Buffer.from(`${length}${text}`);
}
