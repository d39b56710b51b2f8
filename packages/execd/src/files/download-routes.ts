import fs from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { basename } from 'node:path';
import { promisify } from 'node:util';
import { byteStream } from '@pod-agent/daemon-kit/http/reply';
import type { Reply } from '@pod-agent/daemon-kit/http/reply';
import { route } from '@pod-agent/daemon-kit/http/route';
import type { Route } from '@pod-agent/daemon-kit/http/route';
import { ServiceError } from '@pod-agent/daemon-kit/service-error';
import { required } from '../contract/required.ts';
import { invalidRequest } from '../filesystem/file-failure.ts';
import type { FilePaths } from '../filesystem/file-paths.ts';
import { parseByteRange } from '../http/byte-range.ts';
import { attachment } from '../http/content-disposition.ts';
import { errorResponse } from '../http/error-schema.ts';
import { streamFile } from '../http/file-stream.ts';
import { filesMayBlock } from '../os/mounts.ts';
import { fileChunks } from './file-chunks.ts';
import { lineWindow } from './line-window.ts';
import type { LineWindow } from './line-window.ts';
import { openFile } from './open-file.ts';
import type { OpenFile } from './open-file.ts';
import { downloadQuery } from './schema.ts';

const read = promisify(fs.read);

/** Up to this size a file is read on the spot and leaves with its headers, bytes. */
const SMALL_FILE_BYTES = 64 * 1024;
/** Takes one small file after the other: nothing waits between reading and writing. */
const smallFile = Buffer.allocUnsafeSlow(SMALL_FILE_BYTES);

/** GET /files/download (contract §7.8). */
export function downloadRoute({ paths }: { readonly paths: FilePaths }): Route {
  return route({
    method: 'GET',
    path: '/files/download',
    tag: 'Files',
    summary: 'Read a file, a byte range or lines of it',
    description:
      'Of several ranges the first that can be satisfied is sent. `offset` and `limit` count lines; they exclude Range.',
    hot: true,
    query: downloadQuery,
    responses: {
      200: { description: 'The file, or the lines', contentType: 'application/octet-stream' },
      206: { description: 'The range', contentType: 'application/octet-stream' },
      304: { description: 'Not changed since If-Modified-Since' },
      400: errorResponse('No path, no regular file, a bad line number, or lines and a range at once'),
      403: errorResponse('Not permitted, or outside of the files root'),
      404: errorResponse('The file is missing'),
      416: errorResponse('The range is malformed or behind the end'),
    },
    async handle({ query: { path, offset = '', limit = '' }, request }) {
      const name = paths.literal(required(path, 'path'), 'target');
      const isLineMode = offset !== '' || limit !== '';
      const file = await openFile(name, (found) => invalidRequest(`path is a directory: ${found}`));
      try {
        if (!isLineMode) return fileReply(file, basename(name), request);
        if (request.headers.range !== undefined) throw exclusive();
        return linesReply(file, {
          offset: lineNumber('offset', offset) ?? 1,
          limit: lineNumber('limit', limit),
        });
      } catch (error) {
        file[Symbol.dispose]();
        throw error;
      }
    },
  });
}

/** The reply owns the file from now on. */
function fileReply(file: OpenFile, name: string, request: IncomingMessage): Reply {
  const { size } = file.stats;
  const range = parseByteRange(request.headers.range, size);
  if (range.kind === 'malformed') throw badRange('UNKNOWN', 'malformed range', size);
  if (range.kind === 'unsatisfiable')
    throw badRange('INVALID_REQUEST_BODY', 'invalid range: failed to overlap', size);
  if (range.kind === 'whole' && isUnchanged(file, request)) return owning(file, notModified);
  const headers = {
    'Content-Type': 'application/octet-stream',
    'Content-Disposition': attachment(name),
    'Accept-Ranges': 'bytes',
    'Last-Modified': httpDate(file.stats.mtimeMs),
  };
  if (range.kind === 'part') return owning(file, partReply(file, range, headers));
  return owning(file, size <= SMALL_FILE_BYTES ? smallReply(file, headers) : wholeReply(file, headers));
}

type Headers = Readonly<Record<string, string>>;

function partReply(file: OpenFile, { start, end }: { start: number; end: number }, headers: Headers): Reply {
  const length = end - start + 1;
  return (response) => {
    response.writeHead(206, {
      ...headers,
      'Content-Length': length,
      'Content-Range': `bytes ${start}-${end}/${file.stats.size}`,
    });
    return streamFile(response, file.descriptor, start, length);
  };
}

function wholeReply(file: OpenFile, headers: Headers): Reply {
  const { size } = file.stats;
  return (response) => {
    response.writeHead(200, { ...headers, 'Content-Length': size });
    return streamFile(response, file.descriptor, 0, size);
  };
}

/** With the length that it turns out to have: below /proc and /sys the system does not tell it before. */
function smallReply(file: OpenFile, headers: Headers): Reply {
  const limit = file.stats.size === 0 ? SMALL_FILE_BYTES : file.stats.size;
  if (filesMayBlock()) {
    return async (response) => {
      const bytes = Buffer.allocUnsafe(limit);
      await sendSmall(response, file, bytes.subarray(0, await readPooled(file.descriptor, bytes)), headers);
    };
  }
  return (response) => {
    const bytes = smallFile.subarray(0, limit);
    return sendSmall(response, file, bytes.subarray(0, readNow(file.descriptor, bytes)), headers);
  };
}

function sendSmall(
  response: ServerResponse,
  file: OpenFile,
  bytes: Buffer,
  headers: Headers,
): void | Promise<void> {
  if (file.stats.size === 0 && bytes.length === SMALL_FILE_BYTES) {
    return byteStream('application/octet-stream', fileChunks(file.descriptor))(response);
  }
  response.writeHead(200, { ...headers, 'Content-Length': bytes.length });
  // As text the bytes go out with the headers in one write; as a buffer they are a second piece, which costs more.
  response.end(bytes.toString('latin1'), 'latin1');
}

/** The date that was asked for last: files that are read one after the other often have the same. */
let lastDate = { seconds: Number.NaN, text: '' };

/** Whole seconds, as in HTTP. */
function httpDate(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  if (seconds !== lastDate.seconds) lastDate = { seconds, text: new Date(seconds * 1000).toUTCString() };
  return lastDate.text;
}

function owning(file: OpenFile, reply: Reply): Reply {
  return async (response) => {
    using _file = file;
    await reply(response);
  };
}

const notModified: Reply = (response) => {
  response.writeHead(304);
  response.end();
};

/** If-Modified-Since has whole seconds. */
function isUnchanged(file: OpenFile, request: IncomingMessage): boolean {
  const header = request.headers['if-modified-since'];
  if (header === undefined) return false;
  const since = Date.parse(header);
  return Math.floor(file.stats.mtimeMs / 1000) * 1000 <= since;
}

/** How many bytes there are, at the most what fits. */
function readNow(descriptor: number, into: Buffer): number {
  let done = 0;
  while (done < into.length) {
    const count = fs.readSync(descriptor, into, done, into.length - done, done);
    if (count === 0) break;
    done += count;
  }
  return done;
}

async function readPooled(descriptor: number, into: Buffer): Promise<number> {
  let done = 0;
  while (done < into.length) {
    const { bytesRead } = await read(descriptor, into, done, into.length - done, done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return done;
}

function linesReply(file: OpenFile, window: LineWindow): Reply {
  const lines = lineWindow(fileChunks(file.descriptor), window);
  return owning(file, byteStream('text/plain; charset=utf-8', lines));
}

function lineNumber(name: string, text: string): number | undefined {
  if (text === '') return undefined;
  const number = Number(text);
  if (/^\+?\d{1,15}$/.test(text) && number >= 1) return number;
  throw invalidRequest(`invalid query parameter '${name}': ${text}`);
}

function exclusive(): ServiceError {
  return invalidRequest(
    'line-based reading (offset/limit) and byte range (Range header) are mutually exclusive',
  );
}

function badRange(code: 'UNKNOWN' | 'INVALID_REQUEST_BODY', message: string, size: number): ServiceError {
  return new ServiceError('out-of-range', code, message, { headers: { 'Content-Range': `bytes */${size}` } });
}
