import { paxRecord } from './pax-records.ts';
import { BLOCK_BYTES, writeHeader } from './tar-header.ts';
import type { HeaderFields } from './tar-header.ts';

/** A file as it goes into an archive. */
export interface TarMember {
  readonly type: 'file' | 'directory' | 'symlink';
  /** Relative, without a slash at the end. */
  readonly name: string;
  /** Where a symbolic link leads; else empty. */
  readonly leadsTo: string;
  /** Bytes of content; 0 for all but files. */
  readonly size: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Names; empty for those that have none. */
  readonly user: string;
  readonly group: string;
  /** Milliseconds since 1970, with a fraction. */
  readonly modifiedMs: number;
}

const TYPE_FLAGS = { file: '0', directory: '5', symlink: '2' } as const;

const MOST_NAME_BYTES = 100;
const MOST_PREFIX_BYTES = 155;
const SLASH = 0x2f;
/** What describes the next entry, and is one by itself for readers that do not know it. */
const DESCRIPTION = { mode: 0o644, uid: 0, gid: 0, modified: 0, user: '', group: '' } as const;
const NOTHING = Buffer.alloc(0);

/** The end of every archive. */
export const END_BLOCKS = Buffer.alloc(2 * BLOCK_BYTES);

/**
 * What stands in front of the content of a file: ustar, with what it cannot hold as every reader has it. Long names and
 * link targets are GNU's (busybox does not read those of pax), large numbers are base-256, the fraction of the time is a
 * pax record. Names are UTF-8.
 */
export function memberHeader(member: TarMember): Buffer {
  const name = Buffer.from(member.type === 'directory' ? `${member.name}/` : member.name);
  const leadsTo = Buffer.from(member.leadsTo);
  const split = splitName(name);
  const modified = Math.floor(member.modifiedMs / 1_000);
  const header = block({
    ...member,
    type: TYPE_FLAGS[member.type],
    name: split?.name ?? name.subarray(0, MOST_NAME_BYTES),
    prefix: split?.prefix ?? NOTHING,
    linkName: leadsTo.subarray(0, MOST_NAME_BYTES),
    modified,
  });
  return Buffer.concat([
    ...preciseTime(member.modifiedMs),
    ...(leadsTo.length > MOST_NAME_BYTES ? longName('K', leadsTo) : []),
    ...(split ? [] : longName('L', name)),
    header,
  ]);
}

/** Undefined for a name that does not fit into the header. */
function splitName(name: Buffer): { prefix: Buffer; name: Buffer } | undefined {
  if (name.length <= MOST_NAME_BYTES) return { prefix: NOTHING, name };
  const slash = name.indexOf(SLASH, name.length - MOST_NAME_BYTES - 1);
  const fits = slash > 0 && slash <= MOST_PREFIX_BYTES && slash < name.length - 1;
  return fits ? { prefix: name.subarray(0, slash), name: name.subarray(slash + 1) } : undefined;
}

function longName(type: 'K' | 'L', name: Buffer): Buffer[] {
  return description(type, '././@LongLink', Buffer.concat([name, Buffer.alloc(1)]));
}

/** Microseconds, as far as a double goes. */
function preciseTime(modifiedMs: number): Buffer[] {
  if (Number.isInteger(modifiedMs / 1_000)) return [];
  return description('x', 'PaxHeaders/mtime', paxRecord('mtime', (modifiedMs / 1_000).toFixed(6)));
}

function description(type: string, name: string, content: Buffer): Buffer[] {
  const header = { ...DESCRIPTION, type, name: Buffer.from(name), prefix: NOTHING, linkName: NOTHING };
  const padding = (BLOCK_BYTES - (content.length % BLOCK_BYTES)) % BLOCK_BYTES;
  return [block({ ...header, size: content.length }), content, Buffer.alloc(padding)];
}

function block(header: HeaderFields): Buffer {
  const bytes = Buffer.allocUnsafe(BLOCK_BYTES).fill(0);
  writeHeader(bytes, header);
  return bytes;
}
