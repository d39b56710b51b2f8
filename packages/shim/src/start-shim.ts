import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { Socket } from 'node:net';
import { ShimConnection } from './shim-connection.ts';
import type { Adoption } from './shim-connection.ts';

/** The descriptor of the socket between daemon and shim. */
const SOCKET_FD = 3;

export interface ShimSettings {
  /** The binary. */
  readonly program: string;
  readonly token: Buffer;
  /** Where the next daemon finds the shim; undefined when it need not be found. */
  readonly listenPath?: string | undefined;
  readonly environment: Readonly<Record<string, string>>;
  readonly helloTimeoutMs: number;
  /** Takes what the shim writes to stderr. */
  readonly onComplaint: (text: string) => void;
}

/** Starts `shim serve` and opens the protocol. Rejects, with nothing left running, when it says no hello. */
export async function startShim(settings: ShimSettings): Promise<ShimConnection> {
  const { program, token, listenPath, environment, helloTimeoutMs } = settings;
  const args = ['serve', '--fd', String(SOCKET_FD)];
  if (listenPath !== undefined) args.push('--listen', listenPath);
  const child: ChildProcess = spawn(program, args, {
    env: environment,
    cwd: '/',
    // A session of its own: neither a Ctrl-C nor the end of the daemon's terminal reaches it.
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
  });
  const failure = new Promise<never>((_, reject) => {
    child.once('error', reject);
  });
  failure.catch(() => undefined);
  child.stderr?.on('data', (chunk: Buffer) => settings.onComplaint(chunk.toString().trimEnd()));
  const socket = child.stdio[SOCKET_FD];
  if (!(socket instanceof Socket)) throw await failure;
  try {
    return await Promise.race([ShimConnection.open(socket, token, noAdoption, helloTimeoutMs), failure]);
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }
}

const noAdoption: Adoption = () => () => undefined;
