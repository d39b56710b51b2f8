import { z } from 'zod';

const IGNORE_LIMIT = 64;

/** Query of GET /files/watch. */
export const watchQuery = z.object({
  path: z.string().optional().describe('directory, or a single file; a symbolic link is followed'),
  recursive: z
    .enum(['true', 'false'])
    .default('false')
    .describe('everything below, instead of one directory'),
  ignore: z
    .union([z.string(), z.array(z.string()).max(IGNORE_LIMIT)])
    .optional()
    .describe(
      'glob of base names or relative paths that are left out with all that is below them, may be repeated; ' +
        'an empty one switches the defaults `.git` and `node_modules` off',
    ),
});

const path = z.string().describe('absolute, without links');
const kind = z.enum(['file', 'directory', 'symlink', 'other']);
const timestamp = z.int().describe('when it was noticed, Unix time, ms');

/** One event of GET /files/watch. */
export const watchEvent = z
  .discriminatedUnion('type', [
    z
      .object({
        type: z.literal('ready'),
        path,
        kind,
        entries: z.int().describe('entries that are there now; about, in a tree that is compact'),
        directories: z.int().describe('directories that are watched'),
        skipped: z.int().describe('directories that cannot be read, and are not watched'),
        compact: z
          .boolean()
          .describe(
            'too large to be remembered: the rename of a file is `delete` and `create`, what is gone is told as `file`, ' +
              'a file may be created twice, and the `delete` of a directory stands for all that was in it',
          ),
        timestamp,
      })
      .describe('Always the first: nothing that happens from now on is missed.'),
    z.object({ type: z.literal('create'), path, kind, timestamp }),
    z
      .object({ type: z.literal('modify'), path, kind, timestamp })
      .describe('Content or attributes have changed, or another file took its place.'),
    z.object({ type: z.literal('delete'), path, kind, timestamp }),
    z
      .object({
        type: z.literal('rename'),
        path,
        kind,
        from: z.string().describe('its earlier path'),
        timestamp,
      })
      .describe('Within the tree; with everything that is below. What stood at `path` was replaced.'),
    z
      .object({
        type: z.literal('overflow'),
        path: z.string().describe('below which it happened'),
        kind,
        reason: z
          .enum(['events-lost', 'slow-client', 'watch-limit'])
          .describe(
            'events-lost: the system dropped events; what was made or removed is reported, modifications may be missing. ' +
              'slow-client: this client did not read, and its events were dropped. ' +
              'watch-limit: this new directory cannot be watched, nor may others.',
          ),
        timestamp,
      })
      .describe('Something may have been missed; later events are complete again.'),
  ])
  .meta({ id: 'WatchEvent', description: 'One change of a file that is watched.' });

export type WatchEvent = z.infer<typeof watchEvent>;
