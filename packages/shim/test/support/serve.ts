import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'vitest';
import type { SpawnRequest } from '../../src/frames.ts';
import { ShimConnection } from '../../src/shim-connection.ts';
import type { Adoption } from '../../src/shim-connection.ts';
import type { OutputSink } from '../../src/shim-child.ts';
import { addressOf, listens } from './listening.ts';
import { descendantsOf, kill } from './processes.ts';
import { RawDaemon } from './raw-daemon.ts';
import { OutputRecord, RunningChild } from './running-child.ts';
import type { FinishedChild } from './running-child.ts';
import { ServeProcess } from './serve-process.ts';
import type { ServeEnding, ServeSettings } from './serve-process.ts';
import { inTime, until } from './until.ts';

const HELLO_TIMEOUT_MS = 10_000;
/** What is left to a shim to end in, when it has nothing to do any more. */
const END_TIMEOUT_MS = 10_000;

/**
 * A `shim serve` and the daemon that is connected to it. Disposing it kills what is left of the children, says farewell and
 * waits for the end, which must be a clean one: exit code 0 unless the test named another, and nothing said on stderr.
 */
export class Serve implements AsyncDisposable {
  readonly process: ServeProcess;
  /** Where it listens; empty when it does not. */
  readonly listen: string;
  #connection: ShimConnection | undefined;
  #ending: ServeEnding = { code: 0, signal: null };

  private constructor(settings: Partial<ServeSettings>) {
    this.process = new ServeProcess(settings);
    this.listen = settings.listen ?? '';
  }

  /** Starts a shim and connects to it. */
  static async start(settings: Partial<ServeSettings> = {}): Promise<Serve> {
    const serve = new Serve(settings);
    const { socket, token } = serve.process;
    try {
      if (socket) serve.#take(await ShimConnection.open(socket, token, recordNothing, HELLO_TIMEOUT_MS));
      else await serve.reconnect();
    } catch (error) {
      serve.process.kill('SIGKILL');
      await serve.process.ended;
      throw new Error(`the shim did not start: ${serve.process.stderr}`, { cause: error });
    }
    return serve;
  }

  /** Starts a shim that listens, and leaves it to the test to connect. */
  static async startListening(
    settings: Partial<ServeSettings> & { readonly listen: string },
  ): Promise<Serve> {
    const serve = new Serve({ ...settings, inherited: false });
    await until(() => listens(settings.listen) || !serve.process.runs);
    return serve;
  }

  get pid(): number {
    return this.process.pid;
  }

  get connection(): ShimConnection {
    if (!this.#connection) throw new Error('no daemon is connected');
    return this.#connection;
  }

  /** Connects as the next daemon, with the right token; gives the output of each adopted child, in their order. */
  async reconnect(): Promise<OutputRecord[]> {
    const records: OutputRecord[] = [];
    const adoption: Adoption = () => {
      const output = new OutputRecord();
      records.push(output);
      return output.sink;
    };
    await until(() => listens(this.listen) || !this.process.runs);
    const socket = connect(addressOf(this.listen));
    this.#take(await ShimConnection.open(socket, this.process.token, adoption, HELLO_TIMEOUT_MS));
    return records;
  }

  /** Connects as the next daemon, with the right token, to see every frame. */
  async reconnectRaw(): Promise<RawDaemon> {
    const daemon = await RawDaemon.connect(this.listen);
    await daemon.open(this.process.token);
    return daemon;
  }

  /** The daemon dies: its socket is gone, and the shim's children are not. */
  async abandon(): Promise<void> {
    await this.connection.abandon();
  }

  /** Starts a child and waits until it runs. */
  async start(request: SpawnRequest, sink?: OutputSink): Promise<RunningChild> {
    const output = new OutputRecord();
    const child = this.connection.spawn(request, sink ?? output.sink);
    return new RunningChild(child, await inTime(child.started), output);
  }

  /** Runs a child to its end. */
  async run(request: SpawnRequest): Promise<FinishedChild> {
    return (await this.start(request)).finish();
  }

  /** The test ends the shim itself, in this way. */
  endsWith(ending: ServeEnding): void {
    this.#ending = ending;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.killChildren();
    using _limit = setTimeout(() => this.process.kill('SIGKILL'), END_TIMEOUT_MS);
    if (this.process.runs) await this.#farewell();
    const ending = await this.process.ended;
    expect(this.process.stderr, 'what the shim said on stderr').toBe('');
    expect(ending, 'how the shim ended').toEqual(this.#ending);
  }

  /** SIGKILL to everything below the shim, until nothing is left. */
  async killChildren(): Promise<void> {
    const deadline = Date.now() + END_TIMEOUT_MS;
    for (let left = descendantsOf(this.pid); left.length > 0; left = descendantsOf(this.pid)) {
      for (const pid of left) kill(pid);
      await delay(2);
      if (Date.now() > deadline) throw new Error(`${left.length} processes cannot be killed`);
    }
  }

  #take(connection: ShimConnection): void {
    this.#connection = connection;
    void connection.closed.then(() => {
      if (this.#connection === connection) this.#connection = undefined;
    });
  }

  async #farewell(): Promise<void> {
    if (!this.#connection && this.listen !== '') await this.reconnect();
    if (this.#connection) await this.#connection[Symbol.asyncDispose]();
  }
}

const recordNothing: Adoption = () => () => undefined;
