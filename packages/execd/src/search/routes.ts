import { route } from '@pod-agent/daemon-kit/http/route';
import type { Route } from '@pod-agent/daemon-kit/http/route';
import { z } from 'zod';
import { fileInfoSchema } from '../contract/file-fields.ts';
import { required } from '../contract/required.ts';
import { invalidRequest } from '../filesystem/file-failure.ts';
import type { FilePaths } from '../filesystem/file-paths.ts';
import { GlobError } from '../filesystem/glob.ts';
import { errorResponse } from '../http/error-schema.ts';
import { FILE_LIST_HEADERS, jsonArrayStream } from '../http/json-array-stream.ts';
import { lineStream } from '../http/line-stream.ts';
import { ContentSearch } from './content-search.ts';
import { EntryPattern } from './entry-pattern.ts';
import { FileSearch } from './file-search.ts';
import { linePattern } from './line-pattern.ts';
import { grepLine, grepQuery, searchQuery } from './schema.ts';
import { SearchTurns } from './search-turns.ts';

const TAG = 'Search';

export interface SearchServices {
  readonly paths: FilePaths;
}

/** A thread takes some 10 MB and a processor. */
const GREP_LIMITS = { working: 2, waiting: 16 };

/** GET /files/search (contract §7.5) and GET /files/grep (ours). */
export function searchRoutes(services: SearchServices): Route[] {
  return [findRoute(services), grepRoute(services)];
}

function findRoute({ paths }: SearchServices): Route {
  return route({
    method: 'GET',
    path: '/files/search',
    tag: TAG,
    summary: 'Find files by name',
    description:
      'Everything below `path` that is no directory and whose base name or relative path matches, depth first and in ' +
      'the order of the names’ bytes. What cannot be read is skipped and counted.',
    query: searchQuery,
    responses: {
      200: { description: 'Files', schema: z.array(fileInfoSchema), headers: { ...FILE_LIST_HEADERS } },
      400: errorResponse('`path` is missing, or a bad query'),
      403: errorResponse('`path` cannot be read, or is outside of the files root'),
      404: errorResponse('`path` does not exist'),
      500: errorResponse('The pattern is not valid'),
    },
    handle({ query, note }) {
      const root = paths.clean(required(query.path, 'path'), 'link');
      note({ path: root, pattern: query.pattern });
      const search = new FileSearch({
        root,
        pattern: query.pattern || '**',
        hidden: query.hidden === 'true',
        follow: followed(paths, query.follow),
        limit: query.limit ?? Infinity,
      });
      return jsonArrayStream(search);
    },
  });
}

function grepRoute({ paths }: SearchServices): Route {
  const turns = new SearchTurns(GREP_LIMITS);
  return route({
    method: 'GET',
    path: '/files/grep',
    tag: TAG,
    summary: 'Find lines in files',
    description:
      'Streams a line of JSON for each line that matches, and then one with `summary`: without it the answer is not ' +
      'complete. Lines end at LF, a CR before it is no part of them; bytes that are no UTF-8 read as U+FFFD. What is ' +
      'no regular file is not opened. A pattern that takes longer than 2 s for a MiB of text ends the answer with ' +
      '`error`.',
    query: grepQuery,
    responses: {
      200: { description: 'Lines', contentType: 'application/x-ndjson', schema: grepLine },
      400: errorResponse('`path` or `pattern` is missing, a bad pattern or glob, or a bad query'),
      403: errorResponse('`path` cannot be read, or is outside of the files root'),
      404: errorResponse('`path` does not exist'),
      503: errorResponse('2 searches are under way and 16 wait'),
    },
    handle({ query, note }) {
      const root = paths.clean(required(query.path, 'path'), 'target');
      const pattern = required(query.pattern, 'pattern');
      note({ path: root });
      const request = {
        root,
        pattern: linePattern(pattern, query.fixed === 'true', query.ignore_case === 'true'),
        globs: entryPatterns(query.glob ?? []),
        excluded: entryPatterns(query.exclude),
        hidden: query.hidden === 'true',
        follow: followed(paths, query.follow),
        maxMatches: query.max,
        maxMatchesPerFile: query.max_per_file ?? Infinity,
      };
      return lineStream((sink, signal) => new ContentSearch(request, turns).run(sink, signal));
    },
  });
}

function followed(paths: FilePaths, follow: 'true' | 'false'): ((realPath: string) => boolean) | undefined {
  return follow === 'true' ? (realPath) => paths.contains(realPath) : undefined;
}

function entryPatterns(globs: string | readonly string[]): EntryPattern[] {
  return [globs]
    .flat()
    .filter((glob) => glob !== '')
    .map((glob) => entryPattern(glob));
}

function entryPattern(glob: string): EntryPattern {
  try {
    return new EntryPattern(glob);
  } catch (error) {
    throw error instanceof GlobError
      ? invalidRequest(`invalid glob ${glob}: syntax error in pattern`, error)
      : error;
  }
}
