import { z } from 'zod';
import { anyCase } from './json-fields.ts';

/** What the wire tells of a file (contract §6). */
export const fileInfoSchema = z
  .object({
    path: z.string().describe('absolute, without `.`, `..` and `//`'),
    type: z.enum(['file', 'directory', 'symlink', 'other']),
    size: z.int().describe('bytes; of a symbolic link the length of its target'),
    modified_at: z.iso.datetime({ offset: true }),
    created_at: z.iso.datetime({ offset: true }).describe('time of the last change of the inode'),
    owner: z.string().describe('name, or decimal digits of an id without one'),
    group: z.string(),
    mode: z.int().describe('permission bits in octal digits, read as a decimal number: 0o755 is 755'),
  })
  .meta({ id: 'FileInfo' });

export type FileInfo = z.infer<typeof fileInfoSchema>;

const permissionFields = {
  mode: z.int().nullish().describe('octal digits in a decimal number: 755; 0 leaves the mode as it is'),
  owner: z.string().nullish().describe('name or number'),
  group: z.string().nullish().describe('name or number'),
};

/** A permission that a request asks for (contract §6). Absent, null and empty fields change nothing. */
export const permissionSchema = anyCase(z.object(permissionFields)).meta({ id: 'Permission' });

/** The metadata part of an upload (contract §7.7). */
export const uploadMetadata = anyCase(
  z.object({ path: z.string().nullish().describe('required, not empty'), ...permissionFields }),
).meta({ id: 'UploadMetadata' });

/** The form of an upload, for the OpenAPI document: metadata and files pair up by their order. */
export const uploadForm = z
  .object({
    metadata: z.array(uploadMetadata).describe('JSON parts'),
    file: z.array(z.string().meta({ format: 'binary' })).describe('bytes; each part needs a file name'),
  })
  .meta({ id: 'UploadForm' });

export type UploadMetadata = z.output<typeof uploadMetadata>;

/** A query parameter of which the first value counts. */
export function parameter(description: string) {
  return z
    .union([z.string(), z.array(z.string())])
    .optional()
    .transform((values) => (Array.isArray(values) ? values[0] : values))
    .describe(description);
}

/** A query parameter that may be repeated. */
export function parameters(description: string) {
  return z
    .union([z.string(), z.array(z.string())])
    .optional()
    .transform((values) => (values === undefined ? [] : [values].flat()))
    .describe(description);
}

/** `true` or anything else. */
export function flag(description: string) {
  return parameter(description).transform((value) => value === 'true');
}
