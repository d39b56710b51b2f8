import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

const MAX_HEADER_BYTES = 1024 * 1024;
/** TCP keep-alive finds dead peers; there is no idle limit on a connection (contract §1, §19). */
const KEEP_ALIVE_PROBE_MS = 60_000;

/** How often the last connections are looked at while the server closes. */
const IDLE_SWEEP_MS = 10;

/** A bound server. Disposing it stops accepting, ends idle connections and cuts those still open after the grace. */
export interface HttpListener extends AsyncDisposable {
  readonly port: number;
  /** Takes no new connection; those that are open go on. */
  stopAccepting(): void;
}

export interface ListenOptions {
  /** An address, or `''` for every IPv4 and IPv6 interface. */
  host: string;
  port: number;
  /** How long open answers may take to end at disposal, ms. */
  graceMs: number;
}

/** Binds and serves. Rejects with the system's error when the address cannot be bound. */
export async function listen(
  options: ListenOptions,
  onRequest: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<HttpListener> {
  const server = createHttpServer(onRequest);
  await bind(server, options);
  const address = server.address() as AddressInfo;
  const closed = once(server, 'close');
  const stopAccepting = () => {
    if (!server.listening) return;
    server.close();
    server.closeIdleConnections();
  };
  return {
    port: address.port,
    stopAccepting,
    async [Symbol.asyncDispose]() {
      stopAccepting();
      using _cut = setTimeout(() => server.closeAllConnections(), options.graceMs);
      // A connection whose last answer ends now becomes idle without an event.
      using _sweep = setInterval(() => server.closeIdleConnections(), IDLE_SWEEP_MS);
      await closed;
    },
  };
}

function createHttpServer(onRequest: (request: IncomingMessage, response: ServerResponse) => void): Server {
  const server = createServer(
    {
      maxHeaderSize: MAX_HEADER_BYTES,
      keepAliveTimeout: 0,
      requestTimeout: 0,
      headersTimeout: 0,
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE_PROBE_MS,
      requireHostHeader: false,
    },
    onRequest,
  );
  server.on('checkExpectation', onRequest);
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    if (!socket.writable || error.code === 'ECONNRESET') {
      socket.destroy();
      return;
    }
    const tooLarge = error.code === 'HPE_HEADER_OVERFLOW';
    const body = JSON.stringify({
      code: 'INVALID_REQUEST',
      message: tooLarge
        ? `request headers exceed ${MAX_HEADER_BYTES} bytes`
        : `malformed HTTP request: ${error.message}`,
    });
    socket.end(
      `HTTP/1.1 ${tooLarge ? '431 Request Header Fields Too Large' : '400 Bad Request'}\r\n` +
        `Content-Type: application/json; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(body)}\r\n` +
        `Connection: close\r\n\r\n${body}`,
    );
  });
  return server;
}

async function bind(server: Server, { host, port }: ListenOptions): Promise<void> {
  try {
    await bindTo(server, host === '' ? '::' : host, port);
  } catch (error) {
    const noIpv6 = ['EAFNOSUPPORT', 'EADDRNOTAVAIL'].includes((error as NodeJS.ErrnoException).code ?? '');
    if (host !== '' || !noIpv6) throw error;
    await bindTo(server, '0.0.0.0', port);
  }
}

function bindTo(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port, backlog: 1024 }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
