/** The version of the protocol that this package speaks (PROTOCOL.md). */
export const PROTOCOL_VERSION = 1;

export const TOKEN_BYTES = 32;

/** The most that one `write` frame may carry, and that may be unanswered, bytes. */
export const WRITE_BYTES = 64 * 1024;
export const UNANSWERED_WRITE_BYTES = 256 * 1024;

/** The most that may follow a frame's length. */
const FRAME_BYTES = 32 * 1024 * 1024;
const FRAME_HEAD_BYTES = 5;

const REQUEST = {
  open: 1,
  spawn: 2,
  write: 3,
  closeStdin: 4,
  signal: 5,
  credit: 6,
  release: 7,
  farewell: 8,
} as const;

const SPAWN_FLAG = {
  stdinPipe: 1,
  mergeOutput: 2,
  identity: 4,
  groups: 8,
  noNewPrivileges: 16,
  nice: 32,
  oomScoreAdjustment: 64,
  killGroupAtEnd: 128,
  killTreeAtEnd: 256,
} as const;

/** setrlimit(2) numbers, the same on x86-64 and arm64. */
export const LIMIT_RESOURCE = {
  cpuSeconds: 0,
  fileSize: 1,
  processes: 6,
  openFiles: 7,
  addressSpace: 9,
} as const;

/** A soft and a hard limit; undefined for none. */
export interface ResourceLimit {
  readonly resource: number;
  readonly soft: bigint | undefined;
  readonly hard: bigint | undefined;
}

/** A process to start. No string may contain NUL. */
export interface SpawnRequest {
  /** The file to execute; it is not looked up in PATH. */
  readonly file: string;
  /** At least the name of the program. */
  readonly argv: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** Variables that many processes share, below `environment`. Encoded once for the object, which must not change. */
  readonly baseEnvironment?: Readonly<Record<string, string>> | undefined;
  /** Undefined for the shim's own. */
  readonly cwd?: string | undefined;
  /** chroot(2) before the working directory is entered. */
  readonly root?: string | undefined;
  readonly stdin: 'null' | 'pipe';
  /** stderr goes to stdout's pipe. */
  readonly mergeOutput: boolean;
  readonly identity?: { readonly uid: number; readonly gid: number } | undefined;
  /** The complete list of supplementary groups. */
  readonly groups?: readonly number[] | undefined;
  readonly limits?: readonly ResourceLimit[] | undefined;
  readonly nice?: number | undefined;
  readonly oomScoreAdjustment?: number | undefined;
  readonly noNewPrivileges?: boolean | undefined;
  /** Whom SIGKILL reaches when the leader has ended; nobody by default. */
  readonly killAtEnd?: 'group' | 'tree' | undefined;
  /** Kept by the shim for the daemon that comes after this one. */
  readonly label?: Buffer | undefined;
}

const SCOPE = { leader: 0, group: 1, tree: 2 } as const;

/** Whom a signal reaches. */
export type SignalScope = keyof typeof SCOPE;

/** The first frame of a connection. */
export function encodeOpen(token: Buffer): Buffer {
  if (token.length !== TOKEN_BYTES) throw new RangeError(`a token has ${TOKEN_BYTES} bytes`);
  const frame = allocate(REQUEST.open, 4 + TOKEN_BYTES);
  frame.writeUInt32LE(PROTOCOL_VERSION, FRAME_HEAD_BYTES);
  token.copy(frame, FRAME_HEAD_BYTES + 4);
  return frame;
}

/**
 * Throws a RangeError for what would break the connection: a string that contains NUL and would be two on the wire, an
 * argument vector without a name, strings that make the frame too long.
 */
export function encodeSpawn(id: number, request: SpawnRequest): Buffer {
  const { groups = [], limits = [], label = NO_LABEL } = request;
  if (request.argv.length === 0) throw new RangeError('an argument vector has at least one string');
  const environment = encodeEnvironment(request);
  const text = encodeStrings([request.file, request.root ?? '', request.cwd ?? '', ...request.argv]);
  const head = [
    id,
    ...spawnHead(request),
    groups.length,
    limits.length,
    request.argv.length,
    environment.count,
    ...groups,
  ];
  const textBytes = Buffer.byteLength(text) + environment.bytes;
  const frame = allocate(
    REQUEST.spawn,
    head.length * 4 + limits.length * LIMIT_BYTES + textBytes + 4 + label.length,
  );
  let at = FRAME_HEAD_BYTES;
  for (const number of head) at = frame.writeUInt32LE(number, at);
  for (const limit of limits) at = writeLimit(frame, limit, at);
  at += frame.write(text, at);
  for (const part of environment.parts) at += part.copy(frame, at);
  at = frame.writeUInt32LE(label.length, at);
  label.copy(frame, at);
  return frame;
}

/** `NAME=value` strings as they stand in the frame. */
interface EncodedEnvironment {
  readonly parts: readonly Buffer[];
  readonly count: number;
  readonly bytes: number;
}

const encodedBases = new WeakMap<object, EncodedEnvironment>();

function encodeEnvironment({ environment: own, baseEnvironment: base }: SpawnRequest): EncodedEnvironment {
  if (!base) return encodeVariables(own);
  for (const name in own) if (name in base) return encodeVariables({ ...base, ...own });
  let shared = encodedBases.get(base);
  if (!shared) {
    shared = encodeVariables(base);
    encodedBases.set(base, shared);
  }
  const rest = encodeVariables(own);
  return {
    parts: [...shared.parts, ...rest.parts],
    count: shared.count + rest.count,
    bytes: shared.bytes + rest.bytes,
  };
}

function encodeVariables(variables: Readonly<Record<string, string>>): EncodedEnvironment {
  const strings = Object.entries(variables).map(([name, value]) => `${name}=${value}`);
  const bytes = Buffer.from(strings.length === 0 ? '' : encodeStrings(strings));
  return { parts: [bytes], count: strings.length, bytes: bytes.length };
}

/** Each string with its NUL, which must be the only one. */
function encodeStrings(strings: readonly string[]): string {
  const text = `${strings.join('\0')}\0`;
  let found = 0;
  for (let at = text.indexOf('\0'); at >= 0; at = text.indexOf('\0', at + 1)) found += 1;
  if (found !== strings.length) throw new RangeError('a string contains NUL');
  return text;
}

export function encodeWrite(id: number, bytes: Buffer): Buffer {
  const frame = allocate(REQUEST.write, 4 + bytes.length);
  frame.writeUInt32LE(id, FRAME_HEAD_BYTES);
  bytes.copy(frame, FRAME_HEAD_BYTES + 4);
  return frame;
}

export function encodeCloseStdin(id: number): Buffer {
  return encodeNumbers(REQUEST.closeStdin, [id]);
}

export function encodeSignal(id: number, request: number, signal: number, scope: SignalScope): Buffer {
  const frame = allocate(REQUEST.signal, 10);
  frame.writeUInt32LE(id, FRAME_HEAD_BYTES);
  frame.writeUInt32LE(request, FRAME_HEAD_BYTES + 4);
  frame[FRAME_HEAD_BYTES + 8] = signal;
  frame[FRAME_HEAD_BYTES + 9] = SCOPE[scope];
  return frame;
}

export function encodeCredit(id: number, bytes: number): Buffer {
  return encodeNumbers(REQUEST.credit, [id, bytes]);
}

export function encodeRelease(id: number): Buffer {
  return encodeNumbers(REQUEST.release, [id]);
}

export function encodeFarewell(): Buffer {
  return allocate(REQUEST.farewell, 0);
}

const NO_LABEL = Buffer.alloc(0);
const UNLIMITED = 2n ** 64n - 1n;
const LIMIT_BYTES = 20;

/** Flags, uid, gid, nice and oom_score_adj; the last two may be negative. */
function spawnHead(request: SpawnRequest): number[] {
  const { identity = { uid: 0, gid: 0 }, nice = 0, oomScoreAdjustment = 0 } = request;
  return [spawnFlags(request), identity.uid, identity.gid, nice >>> 0, oomScoreAdjustment >>> 0];
}

function writeLimit(frame: Buffer, { resource, soft, hard }: ResourceLimit, start: number): number {
  let at = frame.writeUInt32LE(resource, start);
  at = frame.writeBigUInt64LE(soft ?? UNLIMITED, at);
  return frame.writeBigUInt64LE(hard ?? UNLIMITED, at);
}

function spawnFlags(request: SpawnRequest): number {
  const isSet: Record<keyof typeof SPAWN_FLAG, boolean> = {
    stdinPipe: request.stdin === 'pipe',
    mergeOutput: request.mergeOutput,
    identity: request.identity !== undefined,
    groups: request.groups !== undefined,
    noNewPrivileges: request.noNewPrivileges ?? false,
    nice: request.nice !== undefined,
    oomScoreAdjustment: request.oomScoreAdjustment !== undefined,
    killGroupAtEnd: request.killAtEnd === 'group',
    killTreeAtEnd: request.killAtEnd === 'tree',
  };
  let flags = 0;
  for (const [name, set] of Object.entries(isSet)) {
    if (set) flags |= SPAWN_FLAG[name as keyof typeof SPAWN_FLAG];
  }
  return flags;
}

function encodeNumbers(type: number, numbers: readonly number[]): Buffer {
  const frame = allocate(type, numbers.length * 4);
  let at = FRAME_HEAD_BYTES;
  for (const number of numbers) at = frame.writeUInt32LE(number, at);
  return frame;
}

function allocate(type: number, bodyBytes: number): Buffer {
  if (bodyBytes + 1 > FRAME_BYTES) throw new RangeError(`a frame has at most ${FRAME_BYTES} bytes`);
  const frame = Buffer.allocUnsafe(FRAME_HEAD_BYTES + bodyBytes);
  frame.writeUInt32LE(bodyBytes + 1, 0);
  frame[4] = type;
  return frame;
}
