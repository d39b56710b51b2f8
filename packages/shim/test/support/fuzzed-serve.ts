import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ShimConnection } from '../../src/shim-connection.ts';
import type { Adoption } from '../../src/shim-connection.ts';
import { childrenOf, isAlive, until } from './init-process.ts';

const HELLO_LIMIT_MS = 20_000;

/** A `shim serve` with a sanitizer that listens for daemons and never ends by itself. */
export class FuzzedServe implements AsyncDisposable {
  readonly token = randomBytes(32);
  readonly #address = `shim-fuzz-${crypto.randomUUID()}`;
  readonly #workplace: string;
  readonly #reports: string;
  readonly #process: ChildProcess;
  #stderr = '';

  private constructor(program: string, workplace: string, reports: string) {
    this.#workplace = workplace;
    this.#reports = reports;
    // What a sanitizer has to say between fork and exec would go to a child's stderr: so it goes to files.
    const log = `log_path=${join(reports, 'report')}`;
    this.#process = spawn(
      program,
      ['serve', '--listen', `@${this.#address}`, '--token-fd', '3', '--idle-seconds', '0'],
      {
        // What a child leaves behind, such as a core file.
        cwd: workplace,
        env: { ASAN_OPTIONS: log, UBSAN_OPTIONS: `${log}:print_stacktrace=1` },
        detached: true,
        stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
      },
    );
    this.#process.stderr?.on('data', (chunk: Buffer) => (this.#stderr += chunk.toString()));
    (this.#process.stdio[3] as Socket).end(this.token);
  }

  /** Resolves when it listens. */
  static async start(program: string): Promise<FuzzedServe> {
    const workplace = await mkdtemp(join(tmpdir(), 'shim-fuzz-'));
    const reports = join(workplace, 'reports');
    await mkdir(reports);
    // Children of any identity write there.
    for (const directory of [workplace, reports]) await chmod(directory, 0o777);
    const serve = new FuzzedServe(program, workplace, reports);
    // Its flag says whether it only has its name yet, or listens.
    const listening = new RegExp(` 00010000 .* @${serve.#address}$`, 'm');
    for (;;) {
      if (listening.test(await readFile('/proc/net/unix', 'utf8'))) return serve;
      if (!serve.isRunning) throw new Error(`the shim ended at once: ${serve.#stderr}`);
    }
  }

  get isRunning(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  /** Everything that a sanitizer, or the shim itself, complained of. */
  async complaints(): Promise<string> {
    const names = await readdir(this.#reports);
    const reports = await Promise.all(names.map((name) => readFile(join(this.#reports, name), 'utf8')));
    return [this.#stderr, ...reports].join('');
  }

  /** A connection that has said nothing yet. */
  async connect(): Promise<Socket> {
    const socket = connect(`\0${this.#address}`);
    await once(socket, 'connect');
    return socket;
  }

  /** A connection of a daemon with the right token. Children of others send their output nowhere. */
  async open(adoption: Adoption = () => () => undefined): Promise<ShimConnection> {
    return ShimConnection.open(await this.connect(), this.token, adoption, HELLO_LIMIT_MS);
  }

  /** Ends every child that runs. */
  async endChildren(): Promise<void> {
    const { pid = 0 } = this.#process;
    for (const child of childrenOf(pid)) if (isAlive(child)) process.kill(child, 'SIGKILL');
    await until(() => childrenOf(pid).length === 0);
  }

  /** Says farewell and resolves with the exit code: 0, unless a sanitizer found something at the very end. */
  async end(): Promise<number | NodeJS.Signals> {
    const ended = once(this.#process, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
    await this.endChildren();
    const connection = await this.open();
    for (const { child } of connection.adopted) child.release();
    await connection[Symbol.asyncDispose]();
    const [code, signal] = await ended;
    return code ?? signal ?? 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.isRunning) {
      const ended = once(this.#process, 'close');
      await this.endChildren();
      this.#process.kill('SIGKILL');
      await ended;
    }
    this.#process.stdio[3]?.destroy();
    await rm(this.#workplace, { recursive: true });
  }
}
