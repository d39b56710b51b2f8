/** What went wrong before the program ran, in the order in which the steps are taken (PROTOCOL.md). */
const STEPS = [
  'pipe',
  'fork',
  'session',
  'descriptors',
  'oom_score_adj',
  'nice',
  'limit',
  'root',
  'groups',
  'gid',
  'uid',
  'no_new_privs',
  'cwd',
  'exec',
] as const;

export type SpawnStep = (typeof STEPS)[number];

/** How the leader ended and what it used, its reaped descendants included. */
export interface ChildExit {
  /** An exit code from 0 to 255, or the number of the signal. */
  readonly how: 'code' | 'signal';
  readonly value: number;
  readonly coreDumped: boolean;
  readonly userMicroseconds: number;
  readonly systemMicroseconds: number;
  readonly peakResidentBytes: number;
  readonly wallMicroseconds: number;
  /** How many processes SIGKILL reached because `killAtEnd` was set. */
  readonly killedAtEnd: number;
}

/** What the shim says, but for output. */
export type Reply =
  | {
      readonly type: 'hello';
      readonly version: number;
      readonly pid: number;
      readonly adopted: number;
    }
  | {
      readonly type: 'adopted';
      readonly id: number;
      readonly pid: number;
      readonly startTime: bigint;
      readonly dropped: { readonly stdout: number; readonly stderr: number };
      readonly stdinOpen: boolean;
      readonly label: Buffer;
    }
  | { readonly type: 'started'; readonly id: number; readonly pid: number }
  | {
      readonly type: 'failed';
      readonly id: number;
      readonly errno: number;
      readonly step: SpawnStep;
      readonly detail: number;
    }
  | { readonly type: 'exited'; readonly id: number; readonly exit: ChildExit }
  | { readonly type: 'signaled'; readonly id: number; readonly request: number; readonly reached: number }
  | {
      readonly type: 'swept';
      readonly id: number;
      readonly request: number;
      readonly killed: number;
      readonly left: number;
    }
  | {
      readonly type: 'stdin';
      readonly id: number;
      readonly delivered: number;
      readonly closed: boolean;
      readonly errno: number;
    };

export type OutputStream = 'stdout' | 'stderr';

/** The frame type of output, which is not decoded as a whole. */
export const OUTPUT_TYPE = 68;
/** What stands before the bytes: u32 id, u8 stream. */
export const OUTPUT_HEAD_BYTES = 5;

/** Decodes the body of any frame but output. Throws a RangeError for what is no frame of this protocol. */
export function decodeReply(type: number, body: Buffer): Reply {
  const decode = DECODERS[type];
  if (!decode) throw new RangeError(`unknown frame type ${type}`);
  const wanted = type === ADOPTED_TYPE ? LABEL_AT + body.readUInt32LE(LABEL_AT - 4) : BODY_BYTES[type];
  if (body.length !== wanted) throw new RangeError(`a frame of type ${type} with ${body.length} bytes`);
  return decode(body);
}

const ADOPTED_TYPE = 65;
/** Where the label of an `adopted` begins, behind its length. */
const LABEL_AT = 37;

/** How long the bodies of one length are. */
const BODY_BYTES: Readonly<Record<number, number>> = {
  64: 12,
  66: 8,
  67: 13,
  69: 44,
  70: 12,
  71: 16,
  72: 13,
};

const DECODERS: Readonly<Record<number, (body: Buffer) => Reply>> = {
  64: (body) => ({
    type: 'hello',
    version: body.readUInt32LE(0),
    pid: body.readUInt32LE(4),
    adopted: body.readUInt32LE(8),
  }),
  [ADOPTED_TYPE]: (body) => ({
    type: 'adopted',
    id: body.readUInt32LE(0),
    pid: body.readUInt32LE(4),
    startTime: body.readBigUInt64LE(8),
    dropped: { stdout: readUInt64(body, 16), stderr: readUInt64(body, 24) },
    stdinOpen: body.readUInt8(32) === 1,
    label: Buffer.from(body.subarray(LABEL_AT)),
  }),
  66: (body) => ({
    type: 'started',
    id: body.readUInt32LE(0),
    pid: body.readUInt32LE(4),
  }),
  67: (body) => ({
    type: 'failed',
    id: body.readUInt32LE(0),
    errno: body.readUInt32LE(4),
    step: stepOf(body.readUInt8(8)),
    detail: body.readUInt32LE(9),
  }),
  69: (body) => ({ type: 'exited', id: body.readUInt32LE(0), exit: decodeExit(body) }),
  70: (body) => ({
    type: 'signaled',
    id: body.readUInt32LE(0),
    request: body.readUInt32LE(4),
    reached: body.readUInt32LE(8),
  }),
  71: (body) => ({
    type: 'swept',
    id: body.readUInt32LE(0),
    request: body.readUInt32LE(4),
    killed: body.readUInt32LE(8),
    left: body.readUInt32LE(12),
  }),
  72: (body) => ({
    type: 'stdin',
    id: body.readUInt32LE(0),
    delivered: body.readUInt32LE(4),
    closed: body.readUInt8(8) === 1,
    errno: body.readUInt32LE(9),
  }),
};

function decodeExit(body: Buffer): ChildExit {
  return {
    how: body.readUInt8(4) === 0 ? 'code' : 'signal',
    coreDumped: body.readUInt8(5) === 1,
    value: body.readUInt16LE(6),
    userMicroseconds: readUInt64(body, 8),
    systemMicroseconds: readUInt64(body, 16),
    peakResidentBytes: readUInt64(body, 24),
    wallMicroseconds: readUInt64(body, 32),
    killedAtEnd: body.readUInt32LE(40),
  };
}

function stepOf(number: number): SpawnStep {
  const step = STEPS[number - 1];
  if (step === undefined) throw new RangeError(`unknown step ${number}`);
  return step;
}

/** Exact below 2^53, which no count of bytes or µs reaches. */
function readUInt64(body: Buffer, at: number): number {
  return body.readUInt32LE(at) + body.readUInt32LE(at + 4) * 2 ** 32;
}
