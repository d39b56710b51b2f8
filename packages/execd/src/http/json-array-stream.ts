import type { ServerResponse } from 'node:http';
import { writable } from '@pod-agent/daemon-kit/http/reply';
import type { Reply } from '@pod-agent/daemon-kit/http/reply';
import { clientLeft } from './client-left.ts';

/** Up to here (bytes) an answer is kept until it is complete, so that its headers tell how it went. */
const KEPT_BYTES = 16 * 1024 * 1024;

/** Characters that are encoded and written together. */
const BLOCK_CHARACTERS = 64 * 1024;

const SKIPPED = 'EXECD-FILES-SKIPPED';
const TRUNCATED = 'EXECD-FILES-TRUNCATED';

/** The headers of a jsonArrayStream, for the OpenAPI document. */
export const FILE_LIST_HEADERS: Readonly<Record<string, string>> = {
  [SKIPPED]:
    'how many directories or files could not be looked at; in an answer above 16 MiB the count so far, and the final ' +
    'one in a trailer of this name',
  [TRUNCATED]: '`true` when a limit left something out',
};

/** Takes one element of the array as JSON text. Wait for the promise, if there is one: the client is slow. */
export type ElementWriter = (json: string) => void | Promise<void>;

/** What makes the elements of an array, and knows at any time what it had to leave out so far. */
export interface JsonArraySource {
  readonly skipped: number;
  readonly truncated: boolean;
  /** Makes all elements. The signal aborts when the client leaves; rejecting then is fine. */
  produce(write: ElementWriter, signal: AbortSignal): Promise<void>;
}

/**
 * Answers 200 with a JSON array of any length in bounded memory. Up to 16 MiB it goes out as a whole, so a source that
 * fails is an ordinary error answer and the headers are final. A longer one is streamed at the client's pace, with
 * the final headers as trailers; a source that fails then cuts the connection.
 */
export function jsonArrayStream(source: JsonArraySource): Reply {
  return async (response) => {
    const writer = new ArrayWriter(response, source);
    await source.produce((json) => writer.write(json), clientLeft(response));
    writer.end();
  };
}

class ArrayWriter {
  readonly #response: ServerResponse;
  readonly #source: JsonArraySource;
  #text = '[';
  #separator = '';
  #kept: Buffer[] = [];
  #keptBytes = 0;

  constructor(response: ServerResponse, source: JsonArraySource) {
    this.#response = response;
    this.#source = source;
  }

  write(json: string): void | Promise<void> {
    this.#text += this.#separator + json;
    this.#separator = ',';
    if (this.#text.length >= BLOCK_CHARACTERS) return this.#flush();
  }

  end(): void {
    const rest = this.#takeText(']');
    if (this.#response.headersSent) {
      if (this.#takesTrailers) this.#response.addTrailers(this.#notes());
      this.#response.end(rest);
      return;
    }
    const length = this.#keptBytes + rest.length;
    this.#begin({ 'Content-Length': length });
    this.#response.end(rest);
  }

  #flush(): void | Promise<void> {
    const block = this.#takeText();
    if (this.#response.headersSent) return this.#send(block);
    this.#kept.push(block);
    this.#keptBytes += block.length;
    if (this.#keptBytes <= KEPT_BYTES) return;
    this.#begin(this.#takesTrailers ? { Trailer: `${SKIPPED}, ${TRUNCATED}` } : {});
    return writable(this.#response);
  }

  #takeText(more = ''): Buffer {
    const block = Buffer.from(this.#text + more);
    this.#text = '';
    return block;
  }

  /** Sends the headers and what was kept. */
  #begin(headers: Record<string, string | number>): void {
    this.#response.writeHead(200, {
      'Content-Type': 'application/json; charset=utf-8',
      ...this.#notes(),
      ...headers,
    });
    for (const block of this.#kept.splice(0)) this.#response.write(block);
  }

  #send(block: Buffer): void | Promise<void> {
    if (this.#response.destroyed || this.#response.write(block)) return;
    return writable(this.#response);
  }

  #notes(): Record<string, string> {
    const { skipped, truncated } = this.#source;
    return { [SKIPPED]: String(skipped), ...(truncated ? { [TRUNCATED]: 'true' } : {}) };
  }

  /** Trailers need chunks, which HTTP/1.0 does not have. */
  get #takesTrailers(): boolean {
    return this.#response.req.httpVersion !== '1.0';
  }
}
