import { z } from 'zod';

const timestamp = z.int().describe('Unix time, ms');

/** One object of the event stream (contract §2.2). Keys that are empty are absent. */
export const streamEventSchema = z
  .discriminatedUnion('type', [
    z.object({ type: z.literal('init'), text: z.string().describe('id of the execution'), timestamp }),
    z.object({ type: z.literal('ping'), text: z.literal('pong'), timestamp }),
    z.object({ type: z.literal('stdout'), text: z.string(), timestamp }),
    z.object({ type: z.literal('stderr'), text: z.string(), timestamp }),
    z.object({
      type: z.literal('execution_complete'),
      execution_time: z.int().min(1).optional().describe('ms; absent below 1 ms'),
      timestamp,
    }),
    z.object({
      type: z.literal('error'),
      timestamp,
      error: z.object({
        ename: z.string(),
        evalue: z.string().describe('the exit code in decimal; -1 when a signal ended the process'),
        traceback: z.array(z.string()),
      }),
    }),
  ])
  .meta({
    id: 'StreamEvent',
    description: 'One event of an execution, `error` or `execution_complete` being the last.',
  });

export type StreamEvent = z.infer<typeof streamEventSchema>;
