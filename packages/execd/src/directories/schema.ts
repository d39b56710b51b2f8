import { z } from 'zod';
import { parameter, parameters, permissionSchema } from '../contract/file-fields.ts';
import { orZero } from '../contract/json-fields.ts';

export const listQuery = z.object({
  path: parameter('directory; required'),
  depth: parameter('how many levels; 1 is the directory alone, 0 nothing'),
});

/** Body of POST /directories (contract §8). */
export const createRequest = orZero(z.record(z.string(), permissionSchema), {}).meta({
  id: 'CreateDirectoriesRequest',
});

export const removeQuery = z.object({ path: parameters('directory; may be repeated') });
