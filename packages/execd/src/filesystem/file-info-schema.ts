import { z } from 'zod';

/** A FileInfo on the wire (contract §6). */
export const fileInfoSchema = z
  .object({
    path: z.string().describe('absolute'),
    type: z.enum(['file', 'directory', 'symlink', 'other']),
    size: z.int().describe('bytes; of a symbolic link the length of its target'),
    modified_at: z.iso.datetime({ offset: true }),
    created_at: z.iso.datetime({ offset: true }).describe('last change of the inode'),
    owner: z.string().describe('name, or digits of an id without one'),
    group: z.string(),
    mode: z.int().describe('permission bits in octal digits, read as a decimal number: 755'),
  })
  .meta({ id: 'FileInfo' });
