import { ChildStdin, StdinClosedError } from './child-stdin.ts';
import type { SignalScope } from './frames.ts';
import type { ChildExit, OutputStream, Reply, SpawnStep } from './replies.ts';

/** Takes output as it arrives; a promise asks for no more of it before it resolves. */
export type OutputSink = (stream: OutputStream, bytes: Buffer) => Promise<void> | undefined;

/** The shim is gone, and nobody can tell any more what becomes of its children. */
export class ShimLostError extends Error {
  override readonly name = 'ShimLostError';
}

/** Nothing was started: the step that failed and the system's error number. */
export class SpawnFailedError extends Error {
  override readonly name = 'SpawnFailedError';
  readonly step: SpawnStep;
  readonly errno: number;
  /** At step `limit` the number of the resource. */
  readonly detail: number;

  constructor(step: SpawnStep, errno: number, detail: number) {
    super(`${step} failed with error number ${errno}`);
    this.step = step;
    this.errno = errno;
    this.detail = detail;
  }
}

/** Whom a signal reached. Of SIGKILL to a tree, `left` says how many were still alive when the shim gave up. */
export interface SignalResult {
  readonly reached: number;
  readonly left: number;
}

/** How a child talks to the shim. */
export interface ChildLink {
  write(id: number, bytes: Buffer): void;
  closeStdin(id: number): void;
  /** Resolves with the shim's answer. */
  signal(id: number, signal: number, scope: SignalScope): Promise<SignalResult>;
  credit(id: number, bytes: number): void;
  release(id: number): void;
}

/** Credit is given back in pieces of this size: a frame for each read would cost more than it saves. */
const CREDIT_BYTES = 128 * 1024;

/** One for all: an error with a stack for each command would cost as much as its frame. */
const RELEASED = new StdinClosedError('the child was released');

/** One child of the shim, from the request to start it until it is released. */
export class ShimChild {
  readonly id: number;
  /** The pid. Rejects with a SpawnFailedError or a ShimLostError. */
  readonly started: Promise<number>;
  /**
   * Settles after the last output that was readable at the leader's end went to the sink. Rejects with a ShimLostError;
   * never settles when the child was not started.
   */
  readonly exited: Promise<ChildExit>;
  readonly #link: ChildLink;
  readonly #sink: OutputSink;
  readonly #started = Promise.withResolvers<number>();
  readonly #exited = Promise.withResolvers<ChildExit>();
  readonly #stdin: ChildStdin;
  #owedCredit = 0;
  #lost: ShimLostError | undefined;

  constructor(id: number, link: ChildLink, sink: OutputSink) {
    this.id = id;
    this.#link = link;
    this.#sink = sink;
    this.#stdin = new ChildStdin({
      write: (bytes) => link.write(id, bytes),
      close: () => link.closeStdin(id),
    });
    this.started = this.#started.promise;
    this.exited = this.#exited.promise;
    // Whoever needs them looks at them.
    this.started.catch(() => undefined);
    this.exited.catch(() => undefined);
  }

  /** Sends a signal by its number. Rejects with a ShimLostError. */
  signal(signal: number, scope: SignalScope): Promise<SignalResult> {
    return this.#link.signal(this.id, signal, scope);
  }

  /**
   * Resolves when the child's pipe has taken the bytes, which keep the order of the calls. Rejects with a StdinClosedError
   * or a ShimLostError.
   */
  write(bytes: Buffer): Promise<void> {
    return this.#stdin.write(bytes);
  }

  /** The child reads end of file behind what was written before. */
  closeStdin(): void {
    this.#stdin.close();
  }

  /** The shim may forget the child; the output of one that still runs is dropped. */
  release(): void {
    this.#stdin.end(RELEASED);
    if (!this.#lost) this.#link.release(this.id);
  }

  /** For the connection: what the shim says of this child. */
  reply(reply: Exclude<Reply, { type: 'hello' | 'adopted' | 'signaled' | 'swept' }>): void {
    switch (reply.type) {
      case 'started':
        this.#started.resolve(reply.pid);
        break;
      case 'failed':
        this.#started.reject(new SpawnFailedError(reply.step, reply.errno, reply.detail));
        this.#stdin.end(new StdinClosedError('the child was not started'));
        break;
      case 'exited':
        this.#exited.resolve(reply.exit);
        break;
      case 'stdin':
        this.#stdin.taken(reply.delivered);
        if (reply.closed) this.#stdin.end(new StdinClosedError('stdin is closed'));
        break;
    }
  }

  /** For the connection: it was handed over by an earlier daemon. */
  adopt(pid: number, stdinOpen: boolean): void {
    if (!stdinOpen) this.#stdin.end(new StdinClosedError('stdin is closed'));
    this.#started.resolve(pid);
  }

  /** For the connection. */
  output(stream: OutputStream, bytes: Buffer): void {
    const pressure = this.#sink(stream, bytes);
    if (pressure) void pressure.then(() => this.#giveCredit(bytes.length));
    else this.#giveCredit(bytes.length);
  }

  /** For the connection: it ended. */
  lose(error: ShimLostError): void {
    this.#lost = error;
    this.#started.reject(error);
    this.#exited.reject(error);
    this.#stdin.end(error);
  }

  #giveCredit(bytes: number): void {
    this.#owedCredit += bytes;
    if (this.#owedCredit < CREDIT_BYTES || this.#lost) return;
    this.#link.credit(this.id, this.#owedCredit);
    this.#owedCredit = 0;
  }
}
