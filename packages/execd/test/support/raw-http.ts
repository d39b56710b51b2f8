import { once } from 'node:events';
import { get } from 'node:http';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import type { Socket } from 'node:net';

/** An answer with what fetch does not give: the trailers. */
export interface WholeAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly trailers: NodeJS.Dict<string>;
  readonly body: string;
}

/** Reads an answer to its end. Rejects when the connection is cut before. */
export async function getWhole(url: string): Promise<WholeAnswer> {
  const request = get(url, { agent: false });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const { statusCode = 0, headers, trailers } = response;
  return { status: statusCode, headers, trailers, body: Buffer.concat(chunks).toString() };
}

/** Sends a GET and then reads nothing. */
export async function getAndStall(url: string, version = '1.1'): Promise<Socket> {
  const { hostname, port, pathname, search } = new URL(url);
  const socket = connect(Number(port), hostname);
  await once(socket, 'connect');
  socket.pause();
  socket.on('error', () => undefined);
  socket.write(`GET ${pathname}${search} HTTP/${version}\r\nHost: x\r\nConnection: close\r\n\r\n`);
  return socket;
}

/** What comes until the other side closes. */
export async function readToEnd(socket: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.resume();
  await once(socket, 'close');
  return Buffer.concat(chunks).toString();
}
