import type { IncomingMessage } from 'node:http';
import { empty } from '@pod-agent/daemon-kit/http/reply';
import { route } from '@pod-agent/daemon-kit/http/route';
import type { Route } from '@pod-agent/daemon-kit/http/route';
import { ServiceError } from '@pod-agent/daemon-kit/service-error';
import { uploadForm } from '../contract/file-fields.ts';
import type { FilePaths } from '../filesystem/file-paths.ts';
import { errorResponse } from '../http/error-schema.ts';
import { MultipartError } from '../http/multipart-error.ts';
import { multipartBoundary } from '../http/multipart-header.ts';
import { MultipartParser } from '../http/multipart.ts';
import type { PartEvent } from '../http/multipart.ts';
import { rawBody } from '../http/raw-body.ts';
import type { Staging } from '../filesystem/staging.ts';
import { releaseMemory } from '../os/release-memory.ts';
import { Upload } from './upload.ts';

const PART_LIMIT = 100_000;

/** POST /files/upload (contract §7.7). */
export function uploadRoute(services: { readonly paths: FilePaths; readonly staging: Staging }): Route {
  return route({
    method: 'POST',
    path: '/files/upload',
    tag: 'Files',
    summary: 'Write files',
    description:
      'A form with one `metadata` part (JSON) and one `file` part for each file, in any order. All files appear, or ' +
      'none does; each appears at once with its whole content.',
    hot: true,
    body: rawBody('multipart/form-data', uploadForm),
    responses: {
      200: { description: 'All files are written' },
      400: errorResponse('The form or its metadata is not valid, or a path is no regular file'),
      403: errorResponse('Not permitted, read-only, or outside of the files root'),
      500: errorResponse('The system refused'),
      507: errorResponse('The disk is full'),
    },
    async handle({ body, request }) {
      await using upload = new Upload(services.paths, services.staging);
      await readForm(body, parserFor(request), upload);
      await upload.finish();
      return empty;
    },
  });
}

function parserFor(request: IncomingMessage): MultipartParser {
  const boundary = multipartBoundary(request.headers['content-type']);
  if (boundary === undefined) throw emptyForm();
  return new MultipartParser(boundary);
}

async function readForm(body: AsyncIterable<Buffer>, parser: MultipartParser, upload: Upload): Promise<void> {
  try {
    let isEmpty = true;
    for await (const chunk of body) {
      isEmpty = false;
      await readChunk(parser, chunk, upload);
      releaseMemory(chunk);
    }
    if (isEmpty) throw emptyForm();
    parser.finish();
  } catch (error) {
    throw error instanceof MultipartError ? badForm(error.message) : error;
  }
}

async function readChunk(parser: MultipartParser, chunk: Buffer, upload: Upload): Promise<void> {
  for (const event of parser.parse(chunk)) {
    if (parser.partCount > PART_LIMIT) throw badForm(`more than ${PART_LIMIT} parts`);
    const taken = take(event, upload);
    if (taken) await taken;
  }
}

function take(event: PartEvent, upload: Upload): void | Promise<void> {
  if (event.kind === 'data') return upload.data(event.bytes);
  return event.kind === 'begin' ? upload.begin(event.headers) : upload.end();
}

function emptyForm(): ServiceError {
  return badForm('multipart form is empty');
}

function badForm(message: string): ServiceError {
  return new ServiceError('invalid-argument', 'INVALID_FILE', message);
}
