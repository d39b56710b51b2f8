import { z } from 'zod';
import { flag, parameter, parameters } from '../contract/file-fields.ts';

/** A parameter that has one of these values. */
function choice<const T extends readonly [string, ...string[]]>(values: T, description: string) {
  return parameter(description).pipe(z.enum(values).optional());
}

const FORMATS = ['tar', 'tar.gz'] as const;

const exclude = parameters('globs, repeatable: left out with all that is below; wins over include');

/** Query of GET /directories/archive. */
export const downloadQuery = z.object({
  path: parameter('directory, or a file; required'),
  format: choice(FORMATS, 'tar when missing; tar.gz when the Accept header has application/gzip'),
  include: parameters(
    'globs, repeatable: only files that match by base name or relative path, with their directories',
  ),
  exclude,
});

/** Query of PUT /directories/archive. */
export const uploadQuery = z.object({
  path: parameter('directory, made when it is missing; required'),
  format: choice(FORMATS, 'without effect: the first bytes tell what it is'),
  include: parameters('globs, repeatable: only files that match by base name or relative path'),
  exclude,
  strip: parameter('leading names to take off each entry, before include and exclude').pipe(
    z
      .string()
      .regex(/^\d{1,4}$/, 'a number from 0 to 9999')
      .default('0')
      .transform(Number),
  ),
  preserve_owner: flag('`true`: files belong to the uid and gid of the archive, which takes root'),
});

/** Answer of PUT /directories/archive. */
export const extractionSummary = z
  .object({
    files: z.int().describe('hard links too'),
    directories: z.int(),
    symlinks: z.int(),
    bytes: z.int().describe('content of the files'),
    skipped: z.int().describe('devices, pipes and what has no name left'),
  })
  .meta({ id: 'ExtractionSummary' });
