import { route } from '@pod-agent/daemon-kit/http/route';
import type { Route } from '@pod-agent/daemon-kit/http/route';
import { required } from '../contract/required.ts';
import type { FilePaths } from '../filesystem/file-paths.ts';
import { errorResponse } from '../http/error-schema.ts';
import { serverSentEvents } from '../http/server-sent-events.ts';
import { IgnoreList } from './ignore-list.ts';
import { watchEvent, watchQuery } from './schema.ts';
import type { TreeWatches } from './tree-watches.ts';

export interface WatchServices {
  readonly paths: FilePaths;
  readonly trees: TreeWatches;
}

/** GET /files/watch, ours. */
export function watchRoutes({ paths, trees }: WatchServices): Route[] {
  return [
    route({
      method: 'GET',
      path: '/files/watch',
      tag: 'Watch',
      summary: 'Watch a directory or a file',
      description:
        'Standard server-sent events, one JSON object each, until the client leaves or what is watched is gone. The ' +
        'first is `ready`: nothing that happens after it is missed. Applied in order they give what is there. Links are ' +
        'reported, not followed. What was made and removed again before it could be looked at is not reported.',
      query: watchQuery,
      responses: {
        200: { description: 'Events', contentType: 'text/event-stream', schema: watchEvent },
        400: errorResponse('The path is missing, or a pattern is not valid'),
        403: errorResponse('The path is outside of the files root, or may not be read'),
        404: errorResponse('No such file or directory'),
        413: errorResponse(
          'Too many directories to watch, or too many clients; the message says how to lift the limit',
        ),
      },
      handle({ query: { path, recursive, ignore }, note }) {
        const request = {
          path: paths.clean(required(path, 'path'), 'target'),
          isRecursive: recursive === 'true',
          ignored: new IgnoreList([ignore ?? []].flat()),
        };
        note({ path: request.path });
        return serverSentEvents((signal) => trees.follow(request, signal));
      },
    }),
  ];
}
