import {
  encodeCloseStdin,
  encodeCredit,
  encodeFarewell,
  encodeOpen,
  encodeRelease,
  encodeSignal,
  encodeSpawn,
  encodeWrite,
} from '../../src/frames.ts';
import type { SpawnRequest } from '../../src/frames.ts';

/** Choices that a seed decides, so that a failure can be repeated. */
export class SeededChoices {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** A whole number from 0 to `limit` - 1, by an xorshift. */
  below(limit: number): number {
    this.#state = (this.#state + 0x9e37_79b9) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85eb_ca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2_ae35);
    return ((mixed ^ (mixed >>> 16)) >>> 0) % limit;
  }

  pick<T>(list: readonly [T, ...T[]]): T {
    return list[this.below(list.length)] ?? list[0];
  }

  /** True once in `times`. */
  onceIn(times: number): boolean {
    return this.below(times) === 0;
  }

  bytes(size: number): Buffer {
    return Buffer.from(Array.from({ length: size }, () => this.below(256)));
  }
}

/** What one connection sends. */
export interface HostileSession {
  readonly frames: readonly Buffer[];
  /** Whether every frame has the length that it claims, so that the shim gets to see the last one, which is bad. */
  readonly isFramed: boolean;
}

const HEAD_BYTES = 5;
/** No request has this type. */
const NO_REQUEST = Buffer.from([1, 0, 0, 0, 0xee]);
/** Few, so that frames meet children; far from any that a test uses. */
const IDS = 6;
const EDGES = [0, 1, 2, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe, 0xffff_ffff] as const;

/** The bytes of one connection: noise, a wrong beginning, or requests of which some are damaged. */
export function hostileSession(choices: SeededChoices, token: Buffer): HostileSession {
  if (choices.onceIn(12)) return { frames: [choices.bytes(1 + choices.below(3_000))], isFramed: false };
  const isFramed = choices.onceIn(2);
  // With a length that is wrong the shim may wait for what never comes.
  const damage = (frame: Buffer) => (isFramed ? damageBody(choices, frame) : damageBytes(choices, frame));
  const open = encodeOpen(token);
  const frames = [choices.onceIn(12) ? damage(open) : open];
  const count = 1 + choices.below(16);
  for (let index = 0; index < count; index += 1) {
    const frame = randomRequest(choices);
    frames.push(choices.onceIn(3) ? damage(frame) : frame);
  }
  return { frames: [...frames, NO_REQUEST], isFramed };
}

function randomRequest(choices: SeededChoices): Buffer {
  const id = 1 + choices.below(IDS);
  const make: readonly [() => Buffer, ...(() => Buffer)[]] = [
    () => encodeSpawn(id, randomSpawn(choices)),
    () => encodeSpawn(id, randomSpawn(choices)),
    () => encodeWrite(id, choices.bytes(choices.below(2_000))),
    () => encodeCloseStdin(id),
    () => encodeSignal(id, choices.below(9), choices.below(65), choices.pick(['leader', 'group', 'tree'])),
    () => encodeCredit(id, choices.pick(EDGES)),
    () => encodeRelease(id),
  ];
  return choices.pick(make)();
}

/** Of programs that harm nobody, whatever becomes of their arguments and of the identity that they get. */
function randomSpawn(choices: SeededChoices): SpawnRequest {
  const argv = choices.pick([
    ['/bin/true'],
    ['/bin/cat'],
    ['/bin/echo', 'x'.repeat(choices.below(5_000))],
    ['/bin/sleep', '0.01'],
    ['/no/such/program', ''],
  ]);
  const maybe = <T>(value: T): T | undefined => (choices.onceIn(4) ? value : undefined);
  return {
    file: argv[0] ?? '',
    argv,
    environment: { PATH: '/bin', EMPTY: '' },
    cwd: maybe('/'),
    root: undefined,
    stdin: choices.pick(['null', 'pipe']),
    mergeOutput: choices.onceIn(2),
    identity: maybe({ uid: 65_534, gid: 65_534 }),
    groups: maybe([1, 2, 3]),
    limits: maybe([{ resource: choices.below(20), soft: BigInt(choices.pick(EDGES)), hard: undefined }]),
    nice: maybe(choices.pick(EDGES)),
    oomScoreAdjustment: maybe(choices.pick(EDGES)),
    noNewPrivileges: choices.onceIn(4),
    killAtEnd: choices.pick([undefined, 'group', 'tree']),
    label: maybe(choices.bytes(choices.below(100))),
  };
}

/** Changes what is behind the head, and makes the length right again. */
function damageBody(choices: SeededChoices, frame: Buffer): Buffer {
  const type = frame[4] ?? 0;
  const body = damageBytes(choices, frame.subarray(HEAD_BYTES));
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUInt32LE(body.length + 1);
  head[4] = choices.onceIn(10) ? choices.below(256) : type;
  const damaged = Buffer.concat([head, body]);
  // After a farewell that is right, the shim may end.
  return damaged.equals(encodeFarewell()) ? frame : damaged;
}

function damageBytes(choices: SeededChoices, bytes: Buffer): Buffer {
  const at = choices.below(bytes.length + 1);
  const copy = Buffer.from(bytes);
  const change: readonly [() => Buffer, ...(() => Buffer)[]] = [
    () => setByte(copy, at, choices.below(256)),
    () => setByte(copy, at, 0),
    () => setByte(copy, at, (copy[at] ?? 0) ^ (1 << choices.below(8))),
    () => setNumber(copy, choices.onceIn(3) ? at : at - (at % 4), choices.pick(EDGES)),
    () => setNumber(copy, choices.below(10) * 4, choices.pick(EDGES)),
    () => copy.subarray(0, at),
    () => Buffer.concat([copy, choices.bytes(1 + choices.below(20))]),
    () => Buffer.concat([copy.subarray(0, at), choices.bytes(choices.below(20)), copy.subarray(at)]),
    () => Buffer.concat([copy.subarray(0, at), copy.subarray(at + choices.below(20))]),
  ];
  return choices.pick(change)();
}

function setByte(bytes: Buffer, at: number, value: number): Buffer {
  if (at < bytes.length) bytes[at] = value;
  return bytes;
}

function setNumber(bytes: Buffer, at: number, value: number): Buffer {
  if (at + 4 <= bytes.length) bytes.writeUInt32LE(value, at);
  return bytes;
}
