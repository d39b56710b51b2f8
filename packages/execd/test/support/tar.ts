/** One header of a tar archive with what follows it, to be built by hand; what is missing has its usual value. */
export interface TarParts {
  readonly name?: string | Uint8Array;
  readonly prefix?: string;
  readonly type?: string;
  readonly linkName?: string;
  readonly content?: string | Uint8Array;
  /** Instead of the content's; a string is what stands in the field. */
  readonly size?: number | string | Uint8Array;
  readonly mode?: number | string;
  readonly uid?: number | string | Uint8Array;
  readonly gid?: number | string;
  readonly mtime?: number | string | Uint8Array;
  /** Magic and version, 8 bytes. */
  readonly magic?: string;
  readonly checksum?: string;
}

/** A header to be built, or blocks that are ready. */
export type TarPiece = Uint8Array | TarParts;

const BLOCK = 512;

/** The two blocks of zeros at the end. */
export const TAR_END = Buffer.alloc(2 * BLOCK);

/** The members, and the end. */
export function tarball(...members: readonly TarPiece[]): Buffer {
  const blocks = members.map((member) => (member instanceof Uint8Array ? member : tarMember(member)));
  return Buffer.concat([...blocks, TAR_END]);
}

/** Header, content and padding. */
export function tarMember(parts: TarParts): Buffer {
  const content = Buffer.from(parts.content ?? '');
  const header = Buffer.alloc(BLOCK);
  const put = (offset: number, value: string | Uint8Array) => header.set(Buffer.from(value), offset);
  put(0, parts.name ?? 'file');
  put(100, octal(parts.mode ?? 0o644, 8));
  put(108, octal(parts.uid ?? 0, 8));
  put(116, octal(parts.gid ?? 0, 8));
  put(124, octal(parts.size ?? content.length, 12));
  put(136, octal(parts.mtime ?? 1_000_000_000, 12));
  put(156, parts.type ?? '0');
  put(157, parts.linkName ?? '');
  put(257, parts.magic ?? 'ustar\x0000');
  put(345, parts.prefix ?? '');
  put(148, '        ');
  const sum = header.reduce((total, byte) => total + byte, 0);
  put(148, parts.checksum ?? `${sum.toString(8).padStart(6, '0')}\0 `);
  return Buffer.concat([header, padded(content)]);
}

/** An extended header of pax with these records. */
export function paxHeader(records: Readonly<Record<string, string | Uint8Array>>, type = 'x'): Buffer {
  const lines = Object.entries(records).map(([keyword, value]) => {
    const rest = Buffer.concat([Buffer.from(` ${keyword}=`), Buffer.from(value), Buffer.from('\n')]);
    let length = rest.length + 1;
    while (String(length).length + rest.length !== length) length += 1;
    return Buffer.concat([Buffer.from(String(length)), rest]);
  });
  return tarMember({ name: 'PaxHeaders/x', type, content: Buffer.concat(lines) });
}

/** GNU's header in front of an entry with a long name (`L`) or a long target of a link (`K`). */
export function gnuLong(type: 'K' | 'L', name: string | Uint8Array): Buffer {
  const content = Buffer.concat([Buffer.from(name), Buffer.alloc(1)]);
  return tarMember({ name: '././@LongLink', type, content });
}

/** A number in two's complement, as GNU writes it where octal digits have no room. */
export function base256(value: bigint, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let rest = value;
  for (let index = length - 1; index >= 0; index -= 1) {
    bytes[index] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  bytes[0] = (bytes[0] ?? 0) | 0x80;
  return bytes;
}

function octal(value: number | string | Uint8Array, length: number): string | Uint8Array {
  return typeof value === 'number' ? `${value.toString(8).padStart(length - 1, '0')}\0` : value;
}

function padded(content: Buffer): Buffer {
  return Buffer.concat([content, Buffer.alloc((BLOCK - (content.length % BLOCK)) % BLOCK)]);
}

/** Members of the usual kinds. */
export const tarDirectory = (name: string, mode = 0o755): TarParts => ({ name, type: '5', mode });
export const tarSymlink = (name: string, linkName: string): TarParts => ({ name, type: '2', linkName });
export const tarHardLink = (name: string, linkName: string): TarParts => ({ name, type: '1', linkName });
