import { z } from 'zod';

/** Answer of GET /capabilities. */
export const capabilities = z
  .object({
    version: z.string().describe('of execd'),
    launcher: z
      .object({
        in_force: z.enum(['shim', 'child_process']).describe('what starts processes'),
        reason: z.string().describe('why it is this one'),
        pid: z.int().optional().describe('of the shim'),
        features: z
          .array(z.enum(['groups', 'limits', 'detached-kill', 'usage', 'survival']))
          .describe(
            'fields of POST /command, what GET /command/status tells, and whether commands survive a crash of execd',
          ),
      })
      .describe('how commands are started'),
  })
  .meta({ id: 'Capabilities' });

export type Capabilities = z.infer<typeof capabilities>;
