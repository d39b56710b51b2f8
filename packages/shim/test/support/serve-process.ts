import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { SHIM_ENVIRONMENT, shimProgram } from './shim-program.ts';

/** How `shim serve` is started. */
export interface ServeSettings {
  readonly program: string;
  /** A command that becomes the shim, such as `prlimit`. */
  readonly through: readonly string[];
  /** Where the next daemon connects. */
  readonly listen: string | undefined;
  readonly idleSeconds: number | undefined;
  /** Whether the first daemon's socket is handed down; else the token is, through a pipe, and `listen` must be set. */
  readonly inherited: boolean;
  readonly identity: { readonly uid: number; readonly gid: number } | undefined;
  /** How many more descriptors the shim inherits than it was told of. */
  readonly strayDescriptors: number;
}

/** How the shim ended. */
export interface ServeEnding {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

const CHANNEL_FD = 3;

/** A process that is `shim serve`. */
export class ServeProcess {
  readonly pid: number;
  readonly token: Buffer;
  /** The inherited socket, when there is one. */
  readonly socket: Socket | undefined;
  /** Settles when the process is gone and reaped. */
  readonly ended: Promise<ServeEnding>;
  #stderr = '';
  readonly #process: ChildProcess;

  constructor(settings: Partial<ServeSettings>) {
    const { program = shimProgram(), through = [], identity, inherited = true } = settings;
    const [file = '', ...args] = [...through, program, 'serve', ...serveArguments(settings)];
    const stray = Array.from({ length: settings.strayDescriptors ?? 0 }, () => 'pipe' as const);
    this.token = randomBytes(32);
    this.#process = spawn(file, args, {
      env: SHIM_ENVIRONMENT,
      cwd: '/',
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe', 'pipe', ...stray],
      ...identity,
    });
    const { pid } = this.#process;
    if (pid === undefined) throw new Error(`${file} could not be started`);
    this.pid = pid;
    this.#process.stderr?.on('data', (chunk: Buffer) => (this.#stderr += chunk.toString()));
    this.ended = new Promise((resolve) => {
      this.#process.once('close', (code, signal) => resolve({ code, signal }));
    });
    const channel = this.#process.stdio[CHANNEL_FD] as Socket;
    if (inherited) this.socket = channel;
    else channel.end(this.token);
    void this.ended.then(() => {
      for (const stream of this.#process.stdio.slice(CHANNEL_FD)) stream?.destroy();
    });
  }

  /** What it has said on stderr. */
  get stderr(): string {
    return this.#stderr;
  }

  /** Whether it is still there. */
  get runs(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  kill(signal: NodeJS.Signals): void {
    if (this.runs) process.kill(this.pid, signal);
  }
}

function serveArguments({ inherited = true, listen, idleSeconds }: Partial<ServeSettings>): string[] {
  return [
    inherited ? '--fd' : '--token-fd',
    String(CHANNEL_FD),
    ...(listen === undefined ? [] : ['--listen', listen]),
    ...(idleSeconds === undefined ? [] : ['--idle-seconds', String(idleSeconds)]),
  ];
}
