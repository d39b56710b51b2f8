import type { ServerResponse } from 'node:http';

/** An answer that is written chunk by chunk at the client's pace. Its headers go out with the first chunk. */
export class ResponseSink {
  readonly #response: ServerResponse;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #left: AbortSignal;

  /** `left` aborts when the client has left (clientLeft). */
  constructor(response: ServerResponse, headers: Readonly<Record<string, string>>, left: AbortSignal) {
    this.#response = response;
    this.#headers = headers;
    this.#left = left;
  }

  /** Resolves when the chunk may be written over; rejects with the signal's reason when the client has left. */
  write(chunk: Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#left.throwIfAborted();
      // A chunk that waits for its turn on the connection is dropped without a word when the client leaves.
      const leave = () => reject(this.#left.reason as Error);
      this.#left.addEventListener('abort', leave, { once: true });
      this.#begin();
      this.#response.write(chunk, () => {
        this.#left.removeEventListener('abort', leave);
        resolve();
      });
    });
  }

  /** Ends the answer, with these trailers. */
  end(trailers: Readonly<Record<string, string>> = {}): void {
    this.#begin();
    this.#response.addTrailers(trailers);
    this.#response.end();
  }

  #begin(): void {
    if (!this.#response.headersSent) this.#response.writeHead(200, this.#headers);
  }
}
