import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import type { Logger } from '@pod-agent/daemon-kit/log';
import { TOKEN_BYTES } from '@pod-agent/shim/frames';
import { ShimConnection } from '@pod-agent/shim/shim-connection';
import { startShim } from '@pod-agent/shim/start-shim';
import { z } from 'zod';
import type { Environment } from './environment.ts';
import { HeldOutput } from './held-output.ts';
import { listPrivateDirectories } from './private-directory.ts';
import type { PrivateDirectory } from './private-directory.ts';
import { readProcess } from './process-tree.ts';

/** A shim that takes longer than this to say hello is none. */
const HELLO_TIMEOUT_MS = 2_000;
/** unix(7): the longest path that a socket can have. */
const LONGEST_SOCKET_PATH = 107;
const SOCKET = 'shim.sock';
const RECORD = 'shim.json';

/** How a daemon proves to the shim of another that it may have its children, and which daemons these are. */
const recordSchema = z.object({
  token: z.string().length(TOKEN_BYTES * 2),
  owner: z.string(),
  /** The daemon: clock ticks after boot and its pid name it for good. */
  pid: z.int(),
  startTime: z.string(),
});

type ShimRecord = z.infer<typeof recordSchema>;

export interface ShimHostOptions {
  readonly program: string;
  /** Where socket and record are; the next daemon looks for them among the private directories. */
  readonly directory: PrivateDirectory;
  readonly candidates: readonly string[];
  /** A daemon takes over only from one that had the same: it is what both serve. Undefined never to take over. */
  readonly owner: string | undefined;
  /** What the shim itself is started with; its children get their own. */
  readonly environment: Environment;
  readonly log: Logger;
}

/** The shim of a daemon that was killed. */
export interface InheritedShim {
  readonly connection: ShimConnection;
  /** The output of each adopted child, in their order. */
  readonly held: readonly HeldOutput[];
  readonly directory: string;
}

/** Starts shims for this daemon, and finds the one of the daemon before it. */
export class ShimHost {
  readonly #options: ShimHostOptions;

  constructor(options: ShimHostOptions) {
    this.#options = options;
  }

  /**
   * Connects to the shim of a daemon that was killed. Its directory becomes ours. Undefined when there is none; a daemon
   * that is alive keeps its shim.
   */
  async takeOver(): Promise<InheritedShim | undefined> {
    const { owner, candidates, directory } = this.#options;
    if (owner === undefined) return undefined;
    for (const path of await listPrivateDirectories(candidates)) {
      const record = await readRecord(join(path, RECORD));
      if (record?.owner !== owner) continue;
      const inherited = await connect(join(path, SOCKET), Buffer.from(record.token, 'hex'));
      if (inherited) {
        const own = await directory.adopt(path);
        await writeRecord(own, record.token, owner);
        return { ...inherited, directory: own };
      }
      // Daemon and shim are gone: nobody else would remove it before a day is over.
      if (!isRunning(record)) await rm(path, { recursive: true, force: true });
    }
    return undefined;
  }

  /** Starts a shim. Rejects when it does not say hello. */
  async start(): Promise<ShimConnection> {
    const { program, environment, log } = this.#options;
    const token = randomBytes(TOKEN_BYTES);
    return await startShim({
      program,
      token,
      listenPath: await this.#leaveRecord(token),
      environment,
      helloTimeoutMs: HELLO_TIMEOUT_MS,
      onComplaint: (text) => log.warn('native launcher', { text }),
    });
  }

  /** Best effort: commands run also where nothing can be written, they only do not survive this daemon. */
  async #leaveRecord(token: Buffer): Promise<string | undefined> {
    const { directory, owner, log } = this.#options;
    if (owner === undefined) return undefined;
    try {
      const path = await directory.ensure();
      const socket = join(path, SOCKET);
      if (Buffer.byteLength(socket) > LONGEST_SOCKET_PATH)
        throw new Error(`too long for a socket: ${socket}`);
      await writeRecord(path, token.toString('hex'), owner);
      // Of a shim that was killed.
      await rm(socket, { force: true });
      return socket;
    } catch (error) {
      log.warn('commands will not survive a crash of execd', { reason: String(error) });
      return undefined;
    }
  }
}

async function writeRecord(directory: string, token: string, owner: string): Promise<void> {
  const { pid } = process;
  const record: ShimRecord = { token, owner, pid, startTime: readProcess(pid)?.startTime ?? '' };
  await writeFile(join(directory, RECORD), JSON.stringify(record), { mode: 0o600 });
}

function isRunning({ pid, startTime }: ShimRecord): boolean {
  return readProcess(pid)?.startTime === startTime;
}

async function readRecord(path: string): Promise<ShimRecord | undefined> {
  try {
    return recordSchema.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch {
    // Most private directories have none.
    return undefined;
  }
}

/** Undefined when nobody listens, or who listens has its daemon. */
async function connect(
  path: string,
  token: Buffer,
): Promise<Pick<InheritedShim, 'connection' | 'held'> | undefined> {
  const socket = createConnection({ path });
  const held: HeldOutput[] = [];
  const hold = () => {
    const output = new HeldOutput();
    held.push(output);
    return output.sink;
  };
  try {
    await once(socket, 'connect');
    return { connection: await ShimConnection.open(socket, token, hold, HELLO_TIMEOUT_MS), held };
  } catch {
    socket.destroy();
    return undefined;
  }
}
