import type { IncomingMessage } from 'node:http';
import { empty, json } from '@pod-agent/daemon-kit/http/reply';
import { route } from '@pod-agent/daemon-kit/http/route';
import type { Route } from '@pod-agent/daemon-kit/http/route';
import type { z } from 'zod';
import { required } from '../contract/required.ts';
import { fileFailure, invalidRequest } from '../filesystem/file-failure.ts';
import type { FilePaths } from '../filesystem/file-paths.ts';
import { resolvePermission } from '../filesystem/permission.ts';
import { StagedBatch } from '../filesystem/staged-batch.ts';
import type { StagingTarget } from '../filesystem/staged-batch.ts';
import { errorResponse } from '../http/error-schema.ts';
import { rawBody } from '../http/raw-body.ts';
import type { Staging } from '../filesystem/staging.ts';
import { releaseMemory } from '../os/release-memory.ts';
import { append } from './append.ts';
import { parseContentRange } from './content-range.ts';
import { PartialContent } from './partial-content.ts';
import { contentAnswer, contentQuery, dropQuery } from './schema.ts';

const TAG = 'Files';

const NEW_FILE_MODE = 0o666;

type ContentQuery = z.output<typeof contentQuery>;

interface ContentServices {
  readonly paths: FilePaths;
  readonly staging: Staging;
}

/** PUT and DELETE /files/content, ours: a file's bytes as the body of a request. */
export function contentRoutes(services: ContentServices): Route[] {
  const parts = new PartialContent(services.staging);
  return [writeRoute(services, parts), dropRoute(services.paths, parts)];
}

function writeRoute({ paths, staging }: ContentServices, parts: PartialContent): Route {
  return route({
    method: 'PUT',
    path: '/files/content',
    tag: TAG,
    summary: 'Write one file',
    description:
      'The body is the content, and the file appears with all of it or not at all. `If-None-Match: *` only creates. ' +
      'With Content-Range the body is one part of the file: `bytes 0-99/1000`, or `/*` before the total is known. ' +
      'Parts come in order; what has arrived waits beside the file, and the part that reaches the total puts it into ' +
      'place. `bytes */1000` with an empty body asks how much has arrived.',
    query: contentQuery,
    body: rawBody(),
    responses: {
      200: { description: 'Bytes that the file has, or that have arrived', schema: contentAnswer },
      400: errorResponse('No path, no regular file, or headers that exclude each other'),
      403: errorResponse('Not permitted, read-only, or outside of the files root'),
      409: errorResponse('Another part of the file is being written'),
      412: errorResponse('The file exists'),
      416: errorResponse('The part leaves a gap; `size` has arrived'),
      500: errorResponse('The system refused'),
      507: errorResponse('The disk is full'),
    },
    async handle({ query, body, request }) {
      const path = paths.literal(required(query.path, 'path'), 'target');
      const attributes = attributesOf(query, path);
      const target = { path, attributes, newMode: NEW_FILE_MODE, createOnly: isCreateOnly(request) };
      const range = request.headers['content-range'];
      if (query.append) {
        if (range !== undefined || target.createOnly) {
          throw invalidRequest('append excludes Content-Range and If-None-Match');
        }
        return json({ size: await append(path, attributes, body, staging), complete: true });
      }
      if (range === undefined) return json({ size: await writeWhole(target, body, staging), complete: true });
      const part = parseContentRange(range);
      return json(part === 'inquiry' ? await parts.progress(path) : await parts.write(target, part, body));
    },
  });
}

function dropRoute(paths: FilePaths, parts: PartialContent): Route {
  return route({
    method: 'DELETE',
    path: '/files/content',
    tag: TAG,
    summary: 'Forget the parts of an unfinished file',
    description: 'The file itself, if there is one, stays as it is.',
    query: dropQuery,
    responses: {
      200: { description: 'Nothing of it is left' },
      400: errorResponse('No path'),
      403: errorResponse('Not permitted, read-only, or outside of the files root'),
    },
    async handle({ query }) {
      await parts.drop(paths.literal(required(query.path, 'path'), 'target'));
      return empty;
    },
  });
}

async function writeWhole(
  target: StagingTarget,
  body: AsyncIterable<Buffer>,
  staging: Staging,
): Promise<number> {
  let size = 0;
  await using batch = new StagedBatch(staging);
  try {
    const staged = await batch.stage(target);
    for await (const chunk of body) {
      size += chunk.length;
      await staged.write(chunk);
      releaseMemory(chunk);
    }
    await batch.seal(staged);
    await batch.commit();
  } catch (error) {
    throw fileFailure(error, `error writing file ${target.path}`);
  }
  return size;
}

function attributesOf({ mode, owner, group }: ContentQuery, path: string) {
  if (mode && !/^[0-7]{1,4}$/.test(mode)) throw invalidRequest(`invalid query parameter 'mode': ${mode}`);
  return resolvePermission({ mode: Number(mode ?? 0), owner, group }, `error writing file ${path}. `);
}

/** Other uses of the header need entity tags, which there are none of. */
function isCreateOnly(request: IncomingMessage): boolean {
  const condition = request.headers['if-none-match'];
  if (condition !== undefined && condition !== '*') throw invalidRequest('If-None-Match can only be *');
  return condition === '*';
}
