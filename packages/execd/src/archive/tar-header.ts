import { invalidArchive } from './invalid-archive.ts';
import { readNumber, writeNumber } from './tar-number.ts';

/** Everything in a tar archive comes in blocks of this size, bytes. */
export const BLOCK_BYTES = 512;

/** Where the fields of a header are: offset and length (POSIX.1-2017, pax, ustar interchange format). */
const FIELDS = {
  name: [0, 100],
  mode: [100, 8],
  uid: [108, 8],
  gid: [116, 8],
  size: [124, 12],
  modified: [136, 12],
  checksum: [148, 8],
  type: [156, 1],
  linkName: [157, 100],
  magic: [257, 6],
  version: [263, 2],
  user: [265, 32],
  group: [297, 32],
  prefix: [345, 155],
} as const;

type Field = keyof typeof FIELDS;

const USTAR_MAGIC = 'ustar\0';

/** One header block. Names are bytes, up to the first NUL. */
export interface TarHeader {
  readonly name: Buffer;
  readonly linkName: Buffer;
  /** The type flag, `0` for a file; a NUL for one of an archive from before POSIX. */
  readonly type: string;
  /** Bytes that follow, as announced. */
  readonly size: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Seconds since 1970. */
  readonly modified: number;
}

/** Throws `INVALID_ARCHIVE` for a wrong checksum or a field that is no number. */
export function readHeader(block: Buffer): TarHeader {
  const number = (name: Field) => {
    const value = readNumber(field(block, name));
    if (value === undefined) throw invalidArchive(`unreadable ${name}`, textOf(block, 'name').toString());
    return value;
  };
  if (!hasRightChecksum(block, readNumber(field(block, 'checksum')))) throw invalidArchive('wrong checksum');
  const size = number('size');
  if (size < 0) throw invalidArchive('negative size', textOf(block, 'name').toString());
  return {
    name: fullName(block),
    linkName: textOf(block, 'linkName'),
    type: field(block, 'type').toString('latin1'),
    size,
    mode: number('mode'),
    uid: number('uid'),
    gid: number('gid'),
    modified: number('modified'),
  };
}

/** What a header block is written from. Names that are too long are cut. */
export interface HeaderFields extends Omit<TarHeader, 'name' | 'linkName'> {
  readonly name: Buffer;
  /** Stands in front of the name, with a slash between them; may be empty. */
  readonly prefix: Buffer;
  readonly linkName: Buffer;
  readonly user: string;
  readonly group: string;
}

/** Fills the block, which holds zeros. */
export function writeHeader(block: Buffer, header: HeaderFields): void {
  header.name.copy(field(block, 'name'));
  header.prefix.copy(field(block, 'prefix'));
  header.linkName.copy(field(block, 'linkName'));
  for (const name of ['mode', 'uid', 'gid', 'size', 'modified'] as const) {
    writeNumber(field(block, name), header[name]);
  }
  field(block, 'type').write(header.type, 'latin1');
  field(block, 'magic').write(USTAR_MAGIC, 'latin1');
  field(block, 'version').write('00', 'latin1');
  // A name that fills its field has no room for the NUL that some readers want.
  field(block, 'user').subarray(0, -1).write(header.user);
  field(block, 'group').subarray(0, -1).write(header.group);
  field(block, 'checksum').write(`${unsignedSum(block).toString(8).padStart(6, '0')}\0 `, 'latin1');
}

function field(block: Buffer, name: Field): Buffer {
  const [offset, length] = FIELDS[name];
  return block.subarray(offset, offset + length);
}

function textOf(block: Buffer, name: Field): Buffer {
  const bytes = field(block, name);
  const end = bytes.indexOf(0);
  return end < 0 ? bytes : bytes.subarray(0, end);
}

/** GNU's own format, whose magic ends in a space, has times where ustar has the prefix. */
function fullName(block: Buffer): Buffer {
  const name = textOf(block, 'name');
  if (field(block, 'magic').toString('latin1') !== USTAR_MAGIC) return name;
  const prefix = textOf(block, 'prefix');
  return prefix.length === 0 ? name : Buffer.concat([prefix, Buffer.from('/'), name]);
}

/** Some old writers summed signed bytes. */
function hasRightChecksum(block: Buffer, checksum: number | undefined): boolean {
  const sum = unsignedSum(block);
  if (checksum === sum) return true;
  const [start, length] = FIELDS.checksum;
  const negative = block.filter((byte, index) => byte > 127 && (index < start || index >= start + length));
  return checksum === sum - 256 * negative.length;
}

/** The bytes of the block, with spaces for the checksum itself. */
function unsignedSum(block: Buffer): number {
  const [start, length] = FIELDS.checksum;
  let sum = length * 0x20;
  for (let index = 0; index < BLOCK_BYTES; index += 1) {
    if (index < start || index >= start + length) sum += block[index] ?? 0;
  }
  return sum;
}
