import type { Socket } from 'node:net';
import {
  PROTOCOL_VERSION,
  encodeCloseStdin,
  encodeCredit,
  encodeFarewell,
  encodeOpen,
  encodeRelease,
  encodeSignal,
  encodeSpawn,
  encodeWrite,
} from './frames.ts';
import type { SignalScope, SpawnRequest } from './frames.ts';
import type { Reply } from './replies.ts';
import { ReplyStream } from './reply-stream.ts';
import { ShimChild, ShimLostError } from './shim-child.ts';
import type { ChildLink, OutputSink, SignalResult } from './shim-child.ts';

/** A child that an earlier daemon started. */
export interface AdoptedChild {
  readonly child: ShimChild;
  readonly pid: number;
  /** Clock ticks after boot. */
  readonly startTime: bigint;
  /** How many bytes of each stream come no more, since only the newest MiB was kept. */
  readonly dropped: { readonly stdout: number; readonly stderr: number };
  readonly label: Buffer;
}

/** Gives the sink for the output of a child that an earlier daemon started; called before any of it comes. */
export type Adoption = (label: Buffer, dropped: AdoptedChild['dropped']) => OutputSink;

/** How long the shim may keep what is not needed any more. */
const RELEASE_DELAY_MS = 20;

/** A signal that the shim has not answered yet, and the child that it is for. */
interface PendingSignal {
  readonly id: number;
  readonly answer: PromiseWithResolvers<SignalResult>;
}

/** The daemon's end of a connection to `shim serve`. Disposing it says farewell; the shim then ends with its last child. */
export class ShimConnection implements ChildLink, AsyncDisposable {
  /** Settles when the connection is over, for whatever reason. */
  readonly closed: Promise<void>;
  readonly #socket: Socket;
  readonly #adoption: Adoption;
  readonly #hello = Promise.withResolvers<void>();
  readonly #closed = Promise.withResolvers<void>();
  readonly #children = new Map<number, ShimChild>();
  readonly #adopted: AdoptedChild[] = [];
  readonly #signals = new Map<number, PendingSignal>();
  #adoptedExpected = 0;
  #shimPid = 0;
  #lastId = 0;
  #lastSignal = 0;
  #corked = false;
  #saidFarewell = false;
  readonly #releases: Buffer[] = [];
  #releaseTimer: NodeJS.Timeout | undefined;
  #lost: ShimLostError | undefined;

  private constructor(socket: Socket, adoption: Adoption) {
    this.#socket = socket;
    this.#adoption = adoption;
    this.closed = this.#closed.promise;
    const stream = new ReplyStream({
      reply: (reply) => this.#take(reply),
      output: (id, name, bytes) => this.#children.get(id)?.output(name, bytes),
    });
    socket.on('data', (chunk: Buffer) => {
      try {
        stream.push(chunk);
      } catch (error) {
        this.#lose(`the shim broke its protocol: ${String(error)}`);
      }
    });
    socket.on('error', (error) => this.#lose(`the connection to the shim broke: ${error.message}`));
    socket.on('close', () => this.#lose('the connection to the shim ended'));
  }

  /**
   * Opens the protocol on a connected socket. Resolves when the shim has named the children of the daemon before.
   * Rejects with a ShimLostError when it does not answer within `timeoutMs`, or not in this version.
   */
  static async open(
    socket: Socket,
    token: Buffer,
    adoption: Adoption,
    timeoutMs: number,
  ): Promise<ShimConnection> {
    const connection = new ShimConnection(socket, adoption);
    socket.write(encodeOpen(token));
    using _timer = setTimeout(
      () => connection.#lose(`the shim said no hello within ${timeoutMs} ms`),
      timeoutMs,
    );
    await connection.#hello.promise;
    return connection;
  }

  get shimPid(): number {
    return this.#shimPid;
  }

  /** The children that the shim had when the connection was opened. */
  get adopted(): readonly AdoptedChild[] {
    return this.#adopted;
  }

  /** Asks for a process. Throws a RangeError when a string contains NUL, and a ShimLostError. */
  spawn(request: SpawnRequest, sink: OutputSink): ShimChild {
    if (this.#lost) throw this.#lost;
    const id = this.#nextId();
    const frame = encodeSpawn(id, request);
    const child = new ShimChild(id, this, sink);
    this.#children.set(id, child);
    this.#send(frame);
    return child;
  }

  write(id: number, bytes: Buffer): void {
    this.#send(encodeWrite(id, bytes));
  }

  closeStdin(id: number): void {
    this.#send(encodeCloseStdin(id));
  }

  signal(id: number, signal: number, scope: SignalScope): Promise<SignalResult> {
    if (this.#lost) return Promise.reject(this.#lost);
    // Of a child that was released the shim would say nothing.
    if (!this.#children.has(id)) return Promise.resolve({ reached: 0, left: 0 });
    this.#lastSignal = (this.#lastSignal + 1) >>> 0;
    const answer = Promise.withResolvers<SignalResult>();
    this.#signals.set(this.#lastSignal, { id, answer });
    this.#send(encodeSignal(id, this.#lastSignal, signal, scope));
    return answer.promise;
  }

  credit(id: number, bytes: number): void {
    this.#send(encodeCredit(id, bytes));
  }

  /** Nobody waits for it, so it goes out with the next frame, or a little later: a write for each would wake the shim. */
  release(id: number): void {
    if (!this.#children.delete(id) || this.#lost) return;
    this.#releases.push(encodeRelease(id));
    this.#releaseTimer ??= setTimeout(() => this.#sendReleases(), RELEASE_DELAY_MS).unref();
  }

  /** Ends the connection without a farewell: the children go on and wait for the next daemon. */
  async abandon(): Promise<void> {
    this.#socket.destroy();
    await this.closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#lost) this.#sayFarewell();
    await this.closed;
  }

  /** It is the last word: output that still comes is not credited any more. */
  #sayFarewell(): void {
    if (this.#saidFarewell) return;
    this.#sendReleases();
    this.#saidFarewell = true;
    this.#socket.end(encodeFarewell());
  }

  #nextId(): number {
    do this.#lastId = this.#lastId >= 0xffff_ffff ? 1 : this.#lastId + 1;
    while (this.#children.has(this.#lastId));
    return this.#lastId;
  }

  #sendReleases(): void {
    clearTimeout(this.#releaseTimer);
    this.#releaseTimer = undefined;
    if (this.#releases.length > 0) this.#write(Buffer.concat(this.#releases.splice(0)));
  }

  #send(frame: Buffer): void {
    if (this.#releases.length > 0) this.#sendReleases();
    this.#write(frame);
  }

  /** Frames of one turn of the event loop go out in one write. */
  #write(frame: Buffer): void {
    if (this.#lost || this.#saidFarewell) return;
    if (!this.#corked) {
      this.#corked = true;
      this.#socket.cork();
      process.nextTick(() => {
        this.#corked = false;
        this.#socket.uncork();
      });
    }
    this.#socket.write(frame);
  }

  #take(reply: Reply): void {
    switch (reply.type) {
      case 'hello':
        if (reply.version !== PROTOCOL_VERSION) this.#lose(`the shim speaks version ${reply.version}`);
        this.#shimPid = reply.pid;
        this.#adoptedExpected = reply.adopted;
        this.#completeHello();
        break;
      case 'adopted':
        this.#adopt(reply);
        this.#completeHello();
        break;
      case 'signaled':
        this.#answerSignal(reply.request, { reached: reply.reached, left: 0 });
        break;
      case 'swept':
        this.#answerSignal(reply.request, { reached: reply.killed, left: reply.left });
        break;
      case 'failed':
        this.#children.get(reply.id)?.reply(reply);
        this.#children.delete(reply.id);
        this.#forgetSignals(reply.id);
        break;
      case 'started':
      case 'exited':
      case 'stdin':
        this.#children.get(reply.id)?.reply(reply);
        break;
    }
  }

  #adopt({ id, pid, startTime, dropped, stdinOpen, label }: Extract<Reply, { type: 'adopted' }>): void {
    const child = new ShimChild(id, this, this.#adoption(label, dropped));
    child.adopt(pid, stdinOpen);
    this.#children.set(id, child);
    // Its last words may cross its release: a new child must not get them by having its id.
    this.#lastId = Math.max(this.#lastId, id);
    this.#adopted.push({ child, pid, startTime, dropped, label });
  }

  #completeHello(): void {
    if (this.#adopted.length === this.#adoptedExpected) this.#hello.resolve();
  }

  #answerSignal(request: number, result: SignalResult): void {
    this.#signals.get(request)?.answer.resolve(result);
    this.#signals.delete(request);
  }

  /** The shim does not answer what names a child that was never there. */
  #forgetSignals(child: number): void {
    for (const [request, { id }] of this.#signals) {
      if (id === child) this.#answerSignal(request, { reached: 0, left: 0 });
    }
  }

  #lose(reason: string): void {
    if (this.#lost) return;
    const lost = new ShimLostError(reason);
    this.#lost = lost;
    clearTimeout(this.#releaseTimer);
    this.#socket.destroy();
    this.#hello.reject(lost);
    for (const child of this.#children.values()) child.lose(lost);
    this.#children.clear();
    for (const { answer } of this.#signals.values()) answer.reject(lost);
    this.#signals.clear();
    this.#closed.resolve();
  }
}
