import { lstat } from 'node:fs/promises';
import type { Stats } from 'node:fs';
import { jsonBody } from '@pod-agent/daemon-kit/http/json-body';
import { empty } from '@pod-agent/daemon-kit/http/reply';
import { route } from '@pod-agent/daemon-kit/http/route';
import type { Route } from '@pod-agent/daemon-kit/http/route';
import { z } from 'zod';
import { BODY_ERRORS } from '../contract/body-errors.ts';
import { fileInfoSchema } from '../contract/file-fields.ts';
import { required } from '../contract/required.ts';
import { fileCalls } from '../filesystem/file-calls.ts';
import {
  failureText,
  fileFailure,
  fileFailureNever404,
  fileNotFound,
  invalidRequest,
} from '../filesystem/file-failure.ts';
import type { FilePaths } from '../filesystem/file-paths.ts';
import { makeDirectories } from '../os/make-directories.ts';
import { applyAttributes, resolvePermission } from '../filesystem/permission.ts';
import { removeTree } from '../filesystem/remove.ts';
import { errorResponse } from '../http/error-schema.ts';
import { FILE_LIST_HEADERS, jsonArrayStream } from '../http/json-array-stream.ts';
import { errorCode } from '../os/errno.ts';
import { DirectoryListing } from './directory-listing.ts';
import { createRequest, listQuery, removeQuery } from './schema.ts';

const TAG = 'Directories';

export interface DirectoryServices {
  readonly paths: FilePaths;
}

/** Everything under /directories but archives (contract §8). */
export function directoryRoutes({ paths }: DirectoryServices): Route[] {
  return [listRoute(paths), createRoute(paths), removeRoute(paths)];
}

function listRoute(paths: FilePaths): Route {
  return route({
    method: 'GET',
    path: '/directories/list',
    tag: TAG,
    summary: 'List a directory',
    description: 'In the order of the names, each directory before what it holds. Links are not followed.',
    query: listQuery,
    responses: {
      200: {
        description: 'What is in it',
        schema: z.array(fileInfoSchema),
        headers: FILE_LIST_HEADERS,
      },
      400: errorResponse('No path, no directory, or a bad depth'),
      403: errorResponse('Not permitted, or outside of the files root'),
      404: errorResponse('The directory is missing'),
    },
    async handle({ query }) {
      const path = paths.clean(required(query.path, 'path'), 'link');
      const depth = readDepth(query.depth ?? '');
      await requireDirectory(path);
      return jsonArrayStream(new DirectoryListing(path, depth));
    },
  });
}

function readDepth(text: string): number {
  if (text === '') return 1;
  if (/^\+?\d{1,15}$/.test(text)) return Number(text);
  throw invalidRequest(`invalid query parameter 'depth': ${text}`);
}

async function requireDirectory(path: string): Promise<void> {
  let stats: Stats;
  try {
    stats = await lstat(path);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw fileFailure(error, 'error accessing directory');
    throw fileNotFound(`directory not found. directory not found: ${path}: ${failureText(error)}`);
  }
  if (stats.isSymbolicLink()) throw invalidRequest(`path is a symbolic link, refusing to traverse: ${path}`);
  if (!stats.isDirectory()) throw invalidRequest(`path is not a directory: ${path}`);
}

function createRoute(paths: FilePaths): Route {
  return route({
    method: 'POST',
    path: '/directories',
    tag: TAG,
    summary: 'Make directories',
    description:
      'With their parents. Mode, owner and group are those of a new directory; one that is there stays as it is.',
    body: jsonBody(createRequest, BODY_ERRORS),
    responses: {
      200: { description: 'They are there' },
      400: errorResponse('The request is not valid'),
      403: errorResponse('Not permitted, read-only, or outside of the files root'),
      500: errorResponse('A file stands in the way, or the system refused'),
      507: errorResponse('The disk is full'),
    },
    async handle({ body }) {
      for (const [path, permission] of Object.entries(body)) {
        const target = paths.clean(path, 'target');
        const context = `error creating directory ${target}.`;
        const attributes = resolvePermission(permission, `${context} `);
        try {
          const made = await makeDirectories(target, fileCalls());
          if (made.length > 0) await applyAttributes(target, attributes);
        } catch (error) {
          throw fileFailureNever404(error, context);
        }
      }
      return empty;
    },
  });
}

function removeRoute(paths: FilePaths): Route {
  return route({
    method: 'DELETE',
    path: '/directories',
    tag: TAG,
    summary: 'Remove directories with all that is in them',
    description: 'Files and links too; never what a link leads to. What is missing counts as removed.',
    query: removeQuery,
    responses: {
      200: { description: 'Gone' },
      400: errorResponse('The root directory is not removed'),
      403: errorResponse('Not permitted, read-only, or outside of the files root'),
      500: errorResponse('The system refused'),
    },
    async handle({ query }) {
      for (const path of query.path) {
        if (path === '') throw invalidRequest('path is empty');
        const target = paths.literal(path, 'link');
        if (target === (paths.root ?? '/') || target === '/') {
          throw invalidRequest(`refusing to remove ${target}`);
        }
        try {
          await removeTree(target);
        } catch (error) {
          throw fileFailureNever404(error, `error removing directory ${target}.`);
        }
      }
      return empty;
    },
  });
}
