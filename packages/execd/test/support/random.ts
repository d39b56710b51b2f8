/** Random choices that a seed decides, so that a failure can be repeated. */
export interface Random {
  /** A whole number from 0 to `limit` - 1. */
  below(limit: number): number;
  pick<T>(list: readonly [T, ...T[]]): T;
}

/** Mulberry32. */
export function seededRandom(seed: number): Random {
  let state = seed;
  const below = (limit: number) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * limit);
  };
  return { below, pick: (list) => list[below(list.length)] ?? list[0] };
}

/** Everything that has ever broken a line splitter or a JSON encoder. */
const NASTY: readonly [Buffer, ...Buffer[]] = [
  Buffer.from('\n'),
  Buffer.from('\r'),
  Buffer.from('\r\n'),
  Buffer.from('\n\n'),
  Buffer.from('\0'),
  Buffer.from('"'),
  Buffer.from('\\'),
  Buffer.from('\\n'),
  Buffer.from('\\u000a'),
  Buffer.from('\t\b\u001b[0m\u007f'),
  Buffer.from('\u0085'),
  Buffer.from('\u2028'),
  Buffer.from('\u2029'),
  Buffer.from('\ufeff'),
  Buffer.from('é'),
  Buffer.from('€'),
  Buffer.from('😀'),
  Buffer.from('👩‍👧'),
  Buffer.from([0x80]),
  Buffer.from([0xff]),
  Buffer.from([0xe2, 0x82]),
  Buffer.from([0xf0, 0x9f, 0x98]),
  Buffer.from([0xed, 0xa0, 0x80]),
  Buffer.from([0xc0, 0xaf]),
  Buffer.from('letters'),
  Buffer.from('plain text of some length, '),
  Buffer.from('$& $1 data: {"type":"stdout"}'),
];

/** `pieces` pieces of nasty text, put together. */
export function nastyBytes(random: Random, pieces: number): Buffer {
  return Buffer.concat(Array.from({ length: pieces }, () => random.pick(NASTY)));
}

/** The bytes in chunks of 1 to `largest` bytes. */
export function chunked(random: Random, bytes: Buffer, largest: number): Buffer[] {
  const chunks: Buffer[] = [];
  for (let start = 0; start < bytes.length;) {
    const end = start + 1 + random.below(largest);
    chunks.push(bytes.subarray(start, end));
    start = end;
  }
  return chunks;
}
