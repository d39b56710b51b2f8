import { z } from 'zod';

const texts = z.record(z.string(), z.string());

/** A missing or null map is an empty one. */
const optionalTexts = texts.nullish().transform((value) => value ?? {});

/** Body of POST /v1/sandboxes. What is not named here is accepted and ignored. */
export const createSandboxRequest = z
  .object({
    image: z.looseObject({ uri: z.string().min(1) }).nullish(),
    snapshotId: z.string().nullish(),
    entrypoint: z.array(z.string()).nullish(),
    timeout: z.int().min(1).nullish().describe('seconds until the sandbox is ended; null or none for never'),
    env: optionalTexts,
    metadata: optionalTexts,
    extensions: optionalTexts,
  })
  .transform(({ image, snapshotId, entrypoint, timeout, ...maps }) => ({
    ...maps,
    imageUri: image?.uri,
    snapshotId: snapshotId ?? undefined,
    entrypoint: entrypoint ?? [],
    timeoutMs: timeout == null ? undefined : timeout * 1_000,
  }));

export type CreateSandboxRequest = z.output<typeof createSandboxRequest>;

/** Body of POST /v1/sandboxes/{id}/renew-expiration. */
export const renewExpirationRequest = z
  .object({ expiresAt: z.iso.datetime({ offset: true }) })
  .transform(({ expiresAt }) => ({ expiresAt: new Date(expiresAt) }));

/** Body of PATCH /v1/sandboxes/{id}/metadata: a JSON merge patch, null removes a key. */
export const metadataPatch = z.record(z.string(), z.string().nullable());

/** The states of the lifecycle API that occur here. */
const sandboxState = z.enum(['Pending', 'Running', 'Stopping', 'Terminated', 'Failed']);

export type SandboxState = z.infer<typeof sandboxState>;

export const sandboxParams = z.object({ id: z.string() });

export const endpointParams = z.object({ id: z.string(), port: z.coerce.number().int().min(1).max(65535) });

export const endpointQuery = z.object({
  use_server_proxy: z.string().optional().describe('without effect: every endpoint is on this machine'),
  expires: z.string().optional().describe('signed endpoints are not offered'),
});

const oneOrMore = z.union([z.string().transform((value) => [value]), z.array(z.string())]);

/** Query of GET /v1/sandboxes. Filters of different kinds must all match. */
export const listQuery = z.object({
  state: oneOrMore.optional().describe('any of these states'),
  metadata: z.string().default('').transform(parseMetadataFilter).describe('`k=v&k2=v2`: all of these pairs'),
  page: z.coerce.number().int().min(1).default(1),
  pageSize: z.coerce.number().int().min(1).max(200).default(20),
});

export type ListQuery = z.output<typeof listQuery>;

/** The JavaScript SDK encodes the pairs once, the Python one three times: decoding goes on while it changes something. */
function parseMetadataFilter(filter: string): [key: string, value: string][] {
  return filter
    .split('&')
    .filter((pair) => pair !== '')
    .map((pair) => {
      const [key = '', ...value] = pair.split('=');
      return [decodeFully(key), decodeFully(value.join('='))];
    });
}

function decodeFully(text: string): string {
  try {
    const decoded = decodeURIComponent(text);
    return decoded === text ? text : decodeFully(decoded);
  } catch {
    // A lone percent sign: the value itself.
    return text;
  }
}

const status = z.object({
  state: sandboxState,
  reason: z.string().optional(),
  message: z.string().optional(),
  lastTransitionAt: z.iso.datetime(),
});

/** A sandbox as the SDKs read it. */
export const sandboxInfo = z.object({
  id: z.string(),
  image: z.object({ uri: z.string() }).optional(),
  status,
  metadata: texts,
  extensions: texts,
  entrypoint: z.array(z.string()),
  createdAt: z.iso.datetime(),
  expiresAt: z.iso.datetime().optional(),
});

export type SandboxInfo = z.infer<typeof sandboxInfo>;

/** One page of sandboxes, newest first. */
export const sandboxPage = z.object({
  items: z.array(sandboxInfo),
  pagination: z.object({
    page: z.int(),
    pageSize: z.int(),
    totalItems: z.int(),
    totalPages: z.int(),
    hasNextPage: z.boolean(),
  }),
});

export type SandboxPage = z.infer<typeof sandboxPage>;

/** Where a port of a sandbox can be reached: host and port, no scheme. */
export const endpoint = z.object({ endpoint: z.string() });

export const renewedExpiration = z.object({ expiresAt: z.iso.datetime() });
