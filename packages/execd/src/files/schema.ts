import { z } from 'zod';
import { fileInfoSchema, flag, parameter, parameters, permissionSchema } from '../contract/file-fields.ts';
import { anyCase, orZero } from '../contract/json-fields.ts';

export const pathsQuery = z.object({
  path: parameters('file; may be repeated; `~` and `$VAR` are expanded'),
});

/** Each path as it was given, with what stands there. */
export const infoAnswer = z.record(z.string(), fileInfoSchema);

/** Body of POST /files/mv (contract §7.3). */
export const moveRequest = orZero(
  z.array(anyCase(z.object({ src: orZero(z.string(), ''), dest: orZero(z.string(), '') }))),
  [],
).meta({ id: 'MoveRequest' });

/** Body of POST /files/copy. */
export const copyRequest = orZero(
  z.array(
    anyCase(
      z.object({
        src: orZero(z.string(), ''),
        dest: orZero(z.string(), ''),
        overwrite: orZero(z.boolean(), false).describe('replace an existing file'),
      }),
    ),
  ),
  [],
).meta({ id: 'CopyRequest' });

/** Body of POST /files/permissions (contract §7.4). */
export const permissionsRequest = orZero(z.record(z.string(), permissionSchema), {}).meta({
  id: 'PermissionsRequest',
});

/** Body of POST /files/replace (contract §7.6). */
export const replaceRequest = orZero(
  z.record(
    z.string(),
    anyCase(
      z.object({
        old: orZero(z.string(), '').describe('plain text, not empty'),
        new: orZero(z.string(), ''),
      }),
    ),
  ),
  {},
).meta({ id: 'ReplaceRequest' });

export type ReplaceRequest = z.output<typeof replaceRequest>;

export const replaceQuery = z.object({ verbose: flag('`true`: answer with the counts') });

/** Each path as it was given, with how often it was replaced there. */
export const replaceAnswer = z.record(z.string(), z.object({ replacedCount: z.int() }));

export const downloadQuery = z.object({
  path: parameter('file; required'),
  offset: parameter('line mode: number of the first line, from 1'),
  limit: parameter('line mode: how many lines at most'),
});

export const contentQuery = z.object({
  path: parameter('file; required'),
  mode: parameter('octal digits of a new or changed mode, 644'),
  owner: parameter('name or number'),
  group: parameter('name or number'),
  append: flag('`true`: behind what is there'),
});

export const dropQuery = z.object({ path: parameter('file; required') });

/** Answer of PUT /files/content. */
export const contentAnswer = z.object({
  size: z.int().describe('bytes'),
  complete: z.boolean().describe('false while parts are missing'),
});
