import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { encodeOpen } from '../../src/frames.ts';
import type { OutputStream, Reply } from '../../src/replies.ts';
import { ReplyStream } from '../../src/reply-stream.ts';
import { addressOf } from './listening.ts';
import { until } from './until.ts';

/** A reply, or a piece of output. */
export type Told =
  | Reply
  | { readonly type: 'output'; readonly id: number; readonly stream: OutputStream; readonly bytes: Buffer };

/** A daemon that sends any bytes, gives no credit by itself and records what the shim says, in order. */
export class RawDaemon implements AsyncDisposable {
  readonly socket: Socket;
  readonly told: Told[] = [];
  #ended = false;

  constructor(socket: Socket) {
    this.socket = socket;
    const stream = new ReplyStream({
      reply: (reply) => this.told.push(reply),
      output: (id, name, bytes) =>
        this.told.push({ type: 'output', id, stream: name, bytes: Buffer.from(bytes) }),
    });
    socket.on('data', (chunk: Buffer) => stream.push(chunk));
    // A shim that is not interested may close while bytes are on their way: that is an end, too.
    socket.on('error', () => undefined);
    socket.once('close', () => (this.#ended = true));
  }

  /** Connects to a listening shim; says nothing yet. */
  static async connect(listen: string): Promise<RawDaemon> {
    const socket = connect(addressOf(listen));
    const daemon = new RawDaemon(socket);
    await once(socket, 'connect');
    return daemon;
  }

  /** Whether the shim has ended the connection. */
  get ended(): boolean {
    return this.#ended;
  }

  send(...frames: readonly Buffer[]): void {
    this.socket.write(Buffer.concat(frames));
  }

  /** Says who it is and waits for the answer. */
  async open(token: Buffer): Promise<Extract<Reply, { type: 'hello' }>> {
    this.send(encodeOpen(token));
    return this.hears('hello');
  }

  /** Waits for the first reply of a type (about that child). */
  async hears<T extends Told['type']>(type: T, id?: number): Promise<Extract<Told, { type: T }>> {
    const find = () =>
      this.told.find((told) => told.type === type && (id === undefined || ('id' in told && told.id === id)));
    await until(() => find() !== undefined || this.#ended);
    const found = find();
    if (!found) throw new Error(`the shim ended the connection without ${type}`);
    return found as Extract<Told, { type: T }>;
  }

  /** Waits until the shim ends the connection. */
  async isEnded(): Promise<void> {
    await until(() => this.#ended);
  }

  /** The output that came of a child, both streams together. */
  output(id: number): Buffer {
    const pieces = this.told.flatMap((told) =>
      told.type === 'output' && told.id === id ? [told.bytes] : [],
    );
    return Buffer.concat(pieces);
  }

  /** Ends the connection without a word. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.socket.destroy();
    await until(() => this.#ended);
  }
}
