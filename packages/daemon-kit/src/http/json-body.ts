import type { IncomingMessage } from 'node:http';
import type { BodyReader } from './route.ts';
import { ServiceError } from '../service-error.ts';
import type { ZodType } from 'zod';
import { parseFirstJson } from './first-json.ts';

/** A body above this is refused with 413: no JSON request of ours needs more, and a pod has 256 MiB for everything. */
export const JSON_BODY_LIMIT_BYTES = 16 * 1024 * 1024;

/**
 * Reads a JSON body as the contract demands (§1.4): any Content-Type, the first JSON value counts, what follows is
 * ignored. Validation failures carry `parsePrefix` or, for issues marked with `params: {stage: 'validation'}`,
 * `validationPrefix`.
 */
export function jsonBody<T>(
  schema: ZodType<T>,
  prefixes: { parse: string; validation: string },
): BodyReader<T> {
  return {
    contentType: 'application/json',
    schema,
    required: true,
    async read(request) {
      const bytes = await readBody(request, JSON_BODY_LIMIT_BYTES);
      const result = schema.safeParse(parseJson(bytes, prefixes.parse));
      if (result.success) return result.data;
      const issue = result.error.issues[0];
      const isValidation = issue?.code === 'custom' && issue.params?.['stage'] === 'validation';
      const path = issue?.path.length ? `${issue.path.join('.')}: ` : '';
      throw invalidBody(
        `${isValidation ? prefixes.validation : prefixes.parse}${path}${issue?.message ?? 'invalid'}`,
      );
    },
  };
}

/**
 * The whole body. Rejects with `too-large` as soon as the limit is passed; what the client still sends is thrown away,
 * since cutting the connection would keep the answer from it.
 */
export function readBody(request: IncomingMessage, limitBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const refuse = () => {
      request.removeListener('data', collect);
      request.resume();
      reject(tooLarge(limitBytes));
    };
    const collect = (chunk: Buffer) => {
      size += chunk.length;
      if (size > limitBytes) refuse();
      else chunks.push(chunk);
    };
    request.on('error', reject);
    if (Number(request.headers['content-length'] ?? 0) > limitBytes) {
      refuse();
      return;
    }
    request.on('data', collect);
    request.on('end', () => resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks)));
  });
}

function parseJson(bytes: Buffer, prefix: string): unknown {
  try {
    return parseFirstJson(bytes.toString());
  } catch (error) {
    throw invalidBody(`${prefix}${error instanceof Error ? error.message : String(error)}`);
  }
}

function invalidBody(message: string): ServiceError {
  return new ServiceError('invalid-argument', 'INVALID_REQUEST_BODY', message);
}

function tooLarge(limitBytes: number): ServiceError {
  return new ServiceError('too-large', 'BODY_TOO_LARGE', `request body exceeds ${limitBytes} bytes`);
}
