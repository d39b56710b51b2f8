import { isUtf8 } from 'node:buffer';
import type { ServiceError } from '@pod-agent/daemon-kit/service-error';
import { ByteSource } from './byte-source.ts';
import { archiveTooLarge, invalidArchive } from './invalid-archive.ts';
import { readPaxRecords } from './pax-records.ts';
import type { PaxRecords } from './pax-records.ts';
import { BLOCK_BYTES, readHeader } from './tar-header.ts';
import type { TarHeader } from './tar-header.ts';

const MOST_ENTRIES = 250_000;
/** Headers that describe one entry. */
const MOST_DESCRIPTIONS = 16;
/** An extended header or a long name, bytes. */
const MOST_METADATA_BYTES = 1024 * 1024;

type EntryType = 'file' | 'directory' | 'symlink' | 'hard-link' | 'other';

/** What an archive says about one file. */
export interface TarEntry {
  /** As it is in the archive, whatever is in it. */
  readonly name: string;
  readonly type: EntryType;
  /** Where a symbolic or hard link leads, as it is in the archive. */
  readonly linkName: string;
  /** Bytes of content; 0 for all but files. */
  readonly size: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Seconds since 1970, with a fraction. */
  readonly modified: number;
}

const TYPES: Readonly<Record<string, EntryType>> = {
  '\0': 'file',
  '0': 'file',
  '7': 'file',
  '1': 'hard-link',
  '2': 'symlink',
  '5': 'directory',
  D: 'directory',
};

/** Types whose size says nothing about what follows: no content does. */
const WITHOUT_CONTENT = new Set(['1', '2', '3', '4', '5', '6']);

/** What describes the next entry: names longer than 100 bytes (GNU), extended headers (pax). */
const DESCRIBING = new Set(['K', 'L', 'x', 'g']);

/** Content that is no plain run of bytes: a sparse file, the rest of a file from another volume. */
const REFUSED: Readonly<Record<string, string>> = {
  S: 'sparse files are not taken',
  M: 'archives of several volumes are not taken',
};

const ZERO_BLOCK = Buffer.alloc(BLOCK_BYTES);

/**
 * Reads a tar archive (v7, ustar, pax, GNU) in constant memory: entry after entry, the content of one between two. An
 * archive ends with two blocks of zeros; what follows them is read, so that a checksum behind it is checked, and
 * ignored. Whatever is malformed is thrown as `INVALID_ARCHIVE`; there is nothing that is silently passed over. What
 * the source throws passes through. Disposing the reader lets go of the source.
 */
export class TarReader implements AsyncDisposable {
  readonly #bytes: ByteSource;
  readonly #mostEntries: number;
  #contentLeft = 0;
  #padding = 0;
  #entries = 0;
  #current = '';
  /** Of the archive as a whole. */
  #defaults: PaxRecords = new Map();

  /** Takes no more than so many entries. */
  constructor(chunks: AsyncIterable<Buffer>, mostEntries = MOST_ENTRIES) {
    this.#bytes = new ByteSource(chunks);
    this.#mostEntries = mostEntries;
  }

  /** The next entry; undefined when the archive has ended. What is left of the content of the last one is dropped. */
  async next(): Promise<TarEntry | undefined> {
    while (await this.content());
    const records: PaxRecords = new Map(this.#defaults);
    for (let described = 0; described <= MOST_DESCRIPTIONS; described += 1) {
      const block = await this.#block();
      if (block.equals(ZERO_BLOCK)) return await this.#end(described === 0);
      const header = readHeader(block);
      if (!DESCRIBING.has(header.type)) return this.#begin(header, records);
      await this.#describe(header, records);
    }
    throw archiveTooLarge(`more than ${MOST_DESCRIPTIONS} headers that describe one entry`);
  }

  /** Some bytes of the content of the entry, there until the next call; undefined when there are no more. */
  async content(): Promise<Buffer | undefined> {
    if (this.#contentLeft === 0) {
      await this.#skipPadding();
      return undefined;
    }
    const bytes = await this.#bytes.upTo(this.#contentLeft);
    if (bytes === undefined) throw this.#truncated();
    this.#contentLeft -= bytes.length;
    return bytes;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#bytes[Symbol.asyncDispose]();
  }

  async #block(): Promise<Buffer> {
    const block = await this.#bytes.exactly(BLOCK_BYTES);
    if (block.length === BLOCK_BYTES) return block;
    throw this.#bytes.position === 0 ? invalidArchive('it is empty') : this.#truncated();
  }

  async #end(isExpected: boolean): Promise<undefined> {
    if (!isExpected) throw invalidArchive('it ends behind an extended header');
    const second = await this.#block();
    if (!second.equals(ZERO_BLOCK)) throw invalidArchive('a single block of zeros in it');
    while ((await this.#bytes.upTo(Infinity)) !== undefined);
    return undefined;
  }

  #begin(header: TarHeader, records: PaxRecords): TarEntry {
    this.#entries += 1;
    if (this.#entries > this.#mostEntries) throw archiveTooLarge(`more than ${this.#mostEntries} entries`);
    const entry = entryOf(header, records);
    const { name } = entry;
    this.#current = name;
    const refusal = REFUSED[header.type];
    if (refusal !== undefined) throw invalidArchive(refusal, name);
    const size = WITHOUT_CONTENT.has(header.type) ? 0 : wholeNumber(records, 'size', header.size);
    this.#expect(size);
    return { ...entry, size: entry.type === 'file' ? size : 0 };
  }

  #expect(size: number): void {
    this.#contentLeft = size;
    this.#padding = (BLOCK_BYTES - (size % BLOCK_BYTES)) % BLOCK_BYTES;
  }

  async #skipPadding(): Promise<void> {
    if (this.#padding === 0) return;
    const padding = await this.#bytes.exactly(this.#padding);
    if (padding.length < this.#padding) throw this.#truncated();
    this.#padding = 0;
  }

  async #describe(header: TarHeader, records: PaxRecords): Promise<void> {
    if (header.size > MOST_METADATA_BYTES) {
      throw archiveTooLarge(`an extended header of more than ${MOST_METADATA_BYTES} bytes`);
    }
    this.#expect(header.size);
    // Kept beyond the next read, in small parts.
    const bytes = Buffer.from(await this.#bytes.exactly(header.size));
    if (bytes.length < header.size) throw this.#truncated();
    this.#contentLeft = 0;
    await this.#skipPadding();
    if (header.type === 'L') records.set('path', withoutTerminator(bytes));
    else if (header.type === 'K') records.set('linkpath', withoutTerminator(bytes));
    else this.#apply(readPaxRecords(bytes), records, header.type === 'g');
  }

  /** A global header is in force from here on; names and sizes of all files at once make no sense. */
  #apply(read: PaxRecords, records: PaxRecords, isGlobal: boolean): void {
    for (const [keyword, value] of read) {
      if (isGlobal && !['mtime', 'uid', 'gid'].includes(keyword)) continue;
      if (isGlobal) this.#defaults.set(keyword, value);
      records.set(keyword, value);
    }
  }

  #truncated(): ServiceError {
    if (this.#current === '') return invalidArchive('it ends too early');
    return invalidArchive('it ends too early, in or behind', this.#current);
  }
}

function entryOf(header: TarHeader, records: PaxRecords): Omit<TarEntry, 'size'> {
  const name = text(taken(records, 'path') ?? header.name);
  const type = TYPES[header.type] ?? 'other';
  return {
    name,
    // Before POSIX a slash at the end was what made a directory.
    type: type === 'file' && name.endsWith('/') ? 'directory' : type,
    linkName:
      type === 'symlink' || type === 'hard-link' ? text(taken(records, 'linkpath') ?? header.linkName) : '',
    mode: header.mode,
    uid: wholeNumber(records, 'uid', header.uid),
    gid: wholeNumber(records, 'gid', header.gid),
    modified: seconds(records, header.modified),
  };
}

/** An empty value takes a keyword back. */
function taken(records: PaxRecords, keyword: string): Buffer | undefined {
  const value = records.get(keyword);
  return value === undefined || value.length === 0 ? undefined : value;
}

function text(bytes: Buffer): string {
  if (!isUtf8(bytes)) throw invalidArchive('a name is not UTF-8', bytes.toString('latin1'));
  return bytes.toString();
}

function wholeNumber(records: PaxRecords, keyword: string, otherwise: number): number {
  const value = taken(records, keyword)?.toString('latin1');
  if (value === undefined) return otherwise;
  const number = /^\d{1,16}$/.test(value) ? Number(value) : NaN;
  if (Number.isSafeInteger(number)) return number;
  throw invalidArchive(`unreadable ${keyword} in an extended header`);
}

function seconds(records: PaxRecords, otherwise: number): number {
  const value = taken(records, 'mtime')?.toString('latin1');
  if (value === undefined) return otherwise;
  if (/^-?\d{1,15}(?:\.\d*)?$/.test(value)) return Number(value);
  throw invalidArchive('unreadable mtime in an extended header');
}

/** GNU's long names end with a NUL that counts. */
function withoutTerminator(bytes: Buffer): Buffer {
  return bytes.at(-1) === 0 ? bytes.subarray(0, -1) : bytes;
}
