import { lstat } from 'node:fs/promises';
import { jsonBody } from '@pod-agent/daemon-kit/http/json-body';
import { empty, json } from '@pod-agent/daemon-kit/http/reply';
import { route } from '@pod-agent/daemon-kit/http/route';
import type { Route } from '@pod-agent/daemon-kit/http/route';
import { BODY_ERRORS } from '../contract/body-errors.ts';
import type { FileInfo } from '../contract/file-fields.ts';
import { failureText, fileFailure, fileFailureNever404, fileNotFound } from '../filesystem/file-failure.ts';
import { fileInfo } from '../filesystem/file-info.ts';
import type { FilePaths } from '../filesystem/file-paths.ts';
import { applyAttributes, resolvePermission } from '../filesystem/permission.ts';
import { errorResponse } from '../http/error-schema.ts';
import { errorCode } from '../os/errno.ts';
import type { Staging } from '../filesystem/staging.ts';
import { contentRoutes } from './content-routes.ts';
import { copy } from './copy.ts';
import { downloadRoute } from './download-routes.ts';
import { move } from './move.ts';
import { removeFile } from './remove-file.ts';
import { replaceIn } from './replace.ts';
import {
  copyRequest,
  infoAnswer,
  moveRequest,
  pathsQuery,
  permissionsRequest,
  replaceAnswer,
  replaceQuery,
  replaceRequest,
} from './schema.ts';
import { uploadRoute } from './upload-routes.ts';

const TAG = 'Files';

export interface FileServices {
  readonly paths: FilePaths;
  /** Holds bytes that cannot stand beside their target yet. */
  readonly staging: Staging;
}

/** What many calls here can answer. */
const FAILURES = {
  403: errorResponse('Not permitted, read-only, or outside of the files root'),
  500: errorResponse('The system refused'),
};
const WRITE_FAILURES = { ...FAILURES, 507: errorResponse('The disk is full') };

/** Everything under /files but searching and watching (contract §7 and our additions). */
export function fileRoutes(services: FileServices): Route[] {
  const { paths } = services;
  return [
    infoRoute(paths),
    deleteRoute(paths),
    moveRoute(services),
    copyRoute(services),
    permissionsRoute(paths),
    replaceRoute(services),
    uploadRoute(services),
    downloadRoute(services),
    ...contentRoutes(services),
  ];
}

function infoRoute(paths: FilePaths): Route {
  return route({
    method: 'GET',
    path: '/files/info',
    tag: TAG,
    summary: 'What files are',
    description: 'A symbolic link is described itself. The first missing path fails the call.',
    query: pathsQuery,
    responses: {
      200: { description: 'Each path as it was given, with its info', schema: infoAnswer },
      404: errorResponse('A file is missing'),
      ...FAILURES,
    },
    async handle({ query }) {
      const entries: [string, FileInfo][] = [];
      for (const path of query.path) entries.push([path, await infoOf(paths.clean(path, 'link'))]);
      return json(Object.fromEntries(entries));
    },
  });
}

async function infoOf(path: string): Promise<FileInfo> {
  try {
    return fileInfo(path, await lstat(path));
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw fileFailure(error, 'error accessing file');
    throw fileNotFound(`file not found. file not found: ${path}: ${failureText(error)}`);
  }
}

function deleteRoute(paths: FilePaths): Route {
  return route({
    method: 'DELETE',
    path: '/files',
    tag: TAG,
    summary: 'Delete files',
    description: 'In order; stops at the first failure. What is missing counts as deleted.',
    query: pathsQuery,
    responses: { 200: { description: 'Gone' }, ...FAILURES },
    async handle({ query }) {
      for (const path of query.path) await removeFile(paths.clean(path, 'link'));
      return empty;
    },
  });
}

function moveRoute({ paths, staging }: FileServices): Route {
  return route({
    method: 'POST',
    path: '/files/mv',
    tag: TAG,
    summary: 'Move files and directories',
    description: 'In order; stops at the first failure. Nothing is overwritten. Works across file systems.',
    body: jsonBody(moveRequest, BODY_ERRORS),
    responses: {
      200: { description: 'Moved' },
      400: errorResponse('The request is not valid'),
      404: errorResponse('A source is missing'),
      ...WRITE_FAILURES,
    },
    async handle({ body }) {
      for (const { src, dest } of body)
        await move(paths.clean(src, 'link'), paths.clean(dest, 'link'), staging);
      return empty;
    },
  });
}

function copyRoute({ paths, staging }: FileServices): Route {
  return route({
    method: 'POST',
    path: '/files/copy',
    tag: TAG,
    summary: 'Copy files and directories',
    description:
      'In order; stops at the first failure. Each copy appears as a whole. Links are copied as links.',
    body: jsonBody(copyRequest, BODY_ERRORS),
    responses: {
      200: { description: 'Copied' },
      400: errorResponse('The request is not valid, or something is no file, directory or link'),
      404: errorResponse('A source is missing'),
      409: errorResponse('Something stands at a destination'),
      ...WRITE_FAILURES,
    },
    async handle({ body }) {
      for (const { src, dest, overwrite } of body) {
        await copy(paths.clean(src, 'link'), paths.clean(dest, 'link'), overwrite, staging);
      }
      return empty;
    },
  });
}

function permissionsRoute(paths: FilePaths): Route {
  return route({
    method: 'POST',
    path: '/files/permissions',
    tag: TAG,
    summary: 'Change mode, owner and group',
    description: 'Symbolic links are followed. Mode first.',
    body: jsonBody(permissionsRequest, BODY_ERRORS),
    responses: {
      200: { description: 'Changed' },
      400: errorResponse('The request is not valid'),
      ...FAILURES,
    },
    async handle({ body }) {
      for (const [path, permission] of Object.entries(body)) {
        const target = paths.clean(path, 'target');
        const context = `error changing permissions for ${target}.`;
        const attributes = resolvePermission(permission, `${context} `);
        try {
          await applyAttributes(target, attributes);
        } catch (error) {
          throw fileFailureNever404(error, context);
        }
      }
      return empty;
    },
  });
}

function replaceRoute({ paths, staging }: FileServices): Route {
  return route({
    method: 'POST',
    path: '/files/replace',
    tag: TAG,
    summary: 'Replace text in files',
    description: 'Every occurrence of a plain text. All files change or none does.',
    query: replaceQuery,
    body: jsonBody(replaceRequest, BODY_ERRORS),
    responses: {
      200: { description: 'Empty; with `verbose` the counts', schema: replaceAnswer },
      400: errorResponse('The request is not valid'),
      404: errorResponse('A file is missing'),
      ...WRITE_FAILURES,
    },
    async handle({ query: { verbose }, body }) {
      const counts = await replaceIn(body, (path) => paths.clean(path, 'target'), staging);
      return verbose ? json(counts) : empty;
    },
  });
}
