import type { IncomingMessage } from 'node:http';
import { basename } from 'node:path';
import { json } from '@pod-agent/daemon-kit/http/reply';
import type { Reply } from '@pod-agent/daemon-kit/http/reply';
import { route } from '@pod-agent/daemon-kit/http/route';
import type { Route } from '@pod-agent/daemon-kit/http/route';
import { required } from '../contract/required.ts';
import { fileFailure } from '../filesystem/file-failure.ts';
import type { FilePaths } from '../filesystem/file-paths.ts';
import type { Staging } from '../filesystem/staging.ts';
import { clientLeft } from '../http/client-left.ts';
import { attachment } from '../http/content-disposition.ts';
import { errorResponse } from '../http/error-schema.ts';
import { rawBody } from '../http/raw-body.ts';
import { ResponseSink } from '../http/response-sink.ts';
import { extractArchive } from './extract-archive.ts';
import { MemberFilter } from './member-filter.ts';
import { downloadQuery, extractionSummary, uploadQuery } from './schema.ts';
import { archiveSource, writeArchive } from './write-archive.ts';
import type { ArchiveSource } from './write-archive.ts';

const TAG = 'Directories';
const PATH = '/directories/archive';
const SKIPPED_TRAILER = 'EXECD-FILES-SKIPPED';

export interface ArchiveServices {
  readonly paths: FilePaths;
  readonly staging: Staging;
}

/** Whole directories as one archive, both ways (ours). */
export function archiveRoutes(services: ArchiveServices): Route[] {
  return [downloadRoute(services), uploadRoute(services)];
}

function downloadRoute({ paths }: ArchiveServices): Route {
  return route({
    method: 'GET',
    path: PATH,
    tag: TAG,
    summary: 'A directory as a tar archive',
    description:
      'Names are relative to the directory, which is no entry itself. Links stay links and are not followed; sockets, ' +
      'pipes, devices and what cannot be read are left out and counted in the trailer.',
    query: downloadQuery,
    responses: {
      200: {
        description: 'The archive; `application/gzip` for tar.gz',
        contentType: 'application/x-tar',
        headers: {
          'Content-Disposition': 'a name for the archive',
          Trailer: `${SKIPPED_TRAILER}: how many entries were left out`,
        },
      },
      400: errorResponse('No path, a malformed pattern, or neither a directory nor a file'),
      403: errorResponse('The directory cannot be read'),
      404: errorResponse('No such directory'),
    },
    async handle({ query, request }) {
      const filter = new MemberFilter(query.include, query.exclude);
      const path = paths.literal(required(query.path, 'path'), 'target');
      const format = query.format ?? (wantsGzip(request) ? 'tar.gz' : 'tar');
      try {
        return archiveReply(await archiveSource(path), filter, format);
      } catch (error) {
        throw fileFailure(error, 'error archiving directory');
      }
    },
  });
}

function wantsGzip(request: IncomingMessage): boolean {
  return (request.headers.accept ?? '')
    .split(',')
    .some((type) => /^\s*application\/gzip\s*(?:;|$)/i.test(type));
}

function archiveReply(source: ArchiveSource, filter: MemberFilter, format: 'tar' | 'tar.gz'): Reply {
  const headers = {
    'Content-Type': format === 'tar' ? 'application/x-tar' : 'application/gzip',
    'Content-Disposition': attachment(`${basename(source.path) || 'root'}.${format}`),
    Trailer: SKIPPED_TRAILER,
  };
  return async (response) => {
    const left = clientLeft(response);
    const sink = new ResponseSink(response, headers, left);
    try {
      let skipped: number;
      if (format === 'tar') {
        skipped = await writeArchive(source, filter, sink, left);
      } else {
        // 0.3 MB that few need.
        const { GzipSink } = await import('./gzip-sink.ts');
        using gzip = new GzipSink(sink);
        skipped = await writeArchive(source, filter, gzip, left);
        await gzip.end();
      }
      sink.end({ [SKIPPED_TRAILER]: String(skipped) });
    } catch (error) {
      throw fileFailure(error, 'error archiving directory');
    }
  };
}

function uploadRoute({ paths, staging }: ArchiveServices): Route {
  return route({
    method: 'PUT',
    path: PATH,
    tag: TAG,
    summary: 'Extract a tar archive into a directory',
    description:
      'tar or tar.gz, told apart by the first bytes. All or nothing: files appear when the whole archive has come and ' +
      'is sound. Files are replaced, directories merged. Nothing may leave the directory, by its name or by a link. ' +
      'Permission bits and times are kept, setuid, setgid and sticky are not.',
    query: uploadQuery,
    body: rawBody(),
    responses: {
      200: { description: 'Extracted', schema: extractionSummary },
      400: errorResponse('No path, a malformed pattern, or no sound archive'),
      403: errorResponse('The directory cannot be written to'),
      413: errorResponse('More than 250,000 entries, or an extended header of more than 1 MiB'),
      507: errorResponse('The disk is full'),
    },
    async handle({ query, body, note }) {
      const filter = new MemberFilter(query.include, query.exclude);
      const directory = paths.literal(required(query.path, 'path'), 'target');
      const { strip, preserve_owner: preserveOwner } = query;
      try {
        const options = { directory, filter, strip, preserveOwner };
        const summary = await extractArchive(body, options, staging);
        note({ ...summary });
        return json(summary);
      } catch (error) {
        throw fileFailure(error, 'error extracting archive');
      }
    },
  });
}
