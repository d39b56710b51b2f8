import { createWriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import type { SentBody } from './file-client.ts';

const BOUNDARY = 'bench-5c1f0e9a7d3b42688f6e';
const END = `\r\n--${BOUNDARY}--\r\n`;
const CONTENT_TYPE = `multipart/form-data; boundary=${BOUNDARY}`;

/** A form that uploads one file to a path of the server; it holds the source `times` times, by default once. */
export function uploadForm(source: string, target: string, times = 1): SentBody {
  return { contentType: CONTENT_TYPE, before: pairHead(target), file: source, times, after: END };
}

/** A file to send, and where the server shall put it. */
export interface UploadPair {
  readonly source: string;
  readonly target: string;
}

/** A form that uploads many files in one request; it is written to `formPath` first, so that only sending is timed. */
export async function writeUploadForm(pairs: readonly UploadPair[], formPath: string): Promise<SentBody> {
  await pipeline(formChunks(pairs), createWriteStream(formPath, { flags: 'wx' }));
  return { contentType: CONTENT_TYPE, file: formPath };
}

async function* formChunks(pairs: readonly UploadPair[]): AsyncGenerator<string | Buffer> {
  for (const [index, { source, target }] of pairs.entries()) {
    if (index > 0) yield '\r\n';
    yield pairHead(target);
    yield await readFile(source);
  }
  yield END;
}

/** A `metadata` part and what precedes the content of its `file` part. */
function pairHead(target: string): string {
  return [
    `--${BOUNDARY}`,
    'Content-Disposition: form-data; name="metadata"; filename="metadata"',
    'Content-Type: application/json',
    '',
    JSON.stringify({ path: target }),
    `--${BOUNDARY}`,
    'Content-Disposition: form-data; name="file"; filename="file"',
    'Content-Type: application/octet-stream',
    '',
    '',
  ].join('\r\n');
}
