import { z } from 'zod';
import type { CommandRequest } from './schema.ts';

/** What another daemon needs to know to go on with a command. */
export interface CommandRecord {
  readonly id: string;
  readonly request: CommandRequest;
  /** Unix ms. */
  readonly startedAt: number;
  /** The Idempotency-Key that started it, and the fingerprint of its request. */
  readonly key?: { readonly name: string; readonly fingerprint: string } | undefined;
}

/** Of the request only what is needed once the process runs. */
const storedRecord = z.object({
  id: z.string(),
  startedAt: z.number(),
  program: z.union([
    z.object({ commandLine: z.string() }),
    z.object({ argv: z.tuple([z.string()], z.string()) }),
  ]),
  background: z.boolean(),
  timeoutMs: z.number(),
  stdin: z.boolean(),
  key: z.object({ name: z.string(), fingerprint: z.string() }).optional(),
});

/** The record as text, without the variables of the request: they may be secret and are not needed any more. */
export function encodeRecord({ id, request, startedAt, key }: CommandRecord): string {
  const { program, background, timeoutMs, stdin } = request;
  return JSON.stringify({ id, startedAt, program, background, timeoutMs, stdin, key });
}

/** Undefined for a text that is no record of a command. */
export function decodeRecord(text: string): CommandRecord | undefined {
  const stored = parse(text);
  if (!stored) return undefined;
  const { id, startedAt, key, ...request } = stored;
  return { id, startedAt, key, request: { ...UNKNOWN, ...request } };
}

const UNKNOWN = {
  cwd: '',
  uid: undefined,
  gid: undefined,
  groups: undefined,
  limits: undefined,
  envs: {},
  killDetached: false,
};

function parse(text: string): z.infer<typeof storedRecord> | undefined {
  try {
    return storedRecord.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
