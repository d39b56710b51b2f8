import { UNANSWERED_WRITE_BYTES, WRITE_BYTES } from './frames.ts';

/** stdin takes no more: the child closed it or ended, it was closed on request, or there is no child any more. */
export class StdinClosedError extends Error {
  override readonly name = 'StdinClosedError';
}

/** Where the frames of one child's stdin go. */
export interface StdinLink {
  write(bytes: Buffer): void;
  close(): void;
}

/** The bytes of one call, and where they end in all that was ever written. */
interface PendingWrite {
  unsent: Buffer;
  readonly end: number;
  readonly delivered: PromiseWithResolvers<void>;
}

/** The daemon's end of a child's stdin: bytes go out in the order of the calls, as far as the shim's window allows. */
export class ChildStdin {
  readonly #link: StdinLink;
  /** What is not delivered yet, in order. */
  #pending: PendingWrite[] = [];
  #writtenBytes = 0;
  #sentBytes = 0;
  #deliveredBytes = 0;
  #closeWanted = false;
  #over: Error | undefined;

  constructor(link: StdinLink) {
    this.#link = link;
  }

  /** Resolves when the child's pipe has taken the bytes. Rejects with the error that `end` was given. */
  write(bytes: Buffer): Promise<void> {
    if (this.#over) return Promise.reject(this.#over);
    if (this.#closeWanted) return Promise.reject(new StdinClosedError('stdin is closed'));
    this.#writtenBytes += bytes.length;
    const write = { unsent: bytes, end: this.#writtenBytes, delivered: Promise.withResolvers<void>() };
    this.#pending.push(write);
    this.#send();
    this.#settle();
    return write.delivered.promise;
  }

  /** The child reads end of file behind what was written before. */
  close(): void {
    if (this.#over || this.#closeWanted) return;
    this.#closeWanted = true;
    if (this.#sentBytes === this.#writtenBytes) this.#link.close();
  }

  /** The shim's answer: the child's pipe has taken that many bytes more. */
  taken(bytes: number): void {
    if (this.#over) return;
    this.#deliveredBytes += bytes;
    this.#send();
    this.#settle();
  }

  /** Nothing more will be taken: what is still pending is rejected. The first error stands. */
  end(error: Error): void {
    this.#over ??= error;
    for (const { delivered } of this.#pending.splice(0)) delivered.reject(this.#over);
  }

  #send(): void {
    if (this.#sentBytes === this.#writtenBytes) return;
    for (const write of this.#pending) {
      while (write.unsent.length > 0) {
        const piece = write.unsent.subarray(0, WRITE_BYTES);
        if (this.#sentBytes - this.#deliveredBytes + piece.length > UNANSWERED_WRITE_BYTES) return;
        write.unsent = write.unsent.subarray(piece.length);
        this.#sentBytes += piece.length;
        this.#link.write(piece);
      }
    }
    if (this.#closeWanted) this.#link.close();
  }

  #settle(): void {
    while (this.#pending[0] && this.#pending[0].end <= this.#deliveredBytes) {
      this.#pending.shift()?.delivered.resolve();
    }
  }
}
