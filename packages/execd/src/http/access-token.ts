import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { ServiceError } from '@pod-agent/daemon-kit/service-error';

const HEADER = 'x-execd-access-token';
/** Probes must work without a secret (addendum A1.3). */
const OPEN_PATHS = new Set(['/ping', '/ready', '/internal/init']);

/** Throws unless the request may pass: an open path, no token configured, or the right one in the header. */
export type AccessCheck = (request: IncomingMessage) => void;

/** The check for a configured token; with an empty one everybody may pass. Compares in constant time. */
export function accessCheck(token: string): AccessCheck {
  if (token === '') return () => undefined;
  const expected = digest(token);
  return (request) => {
    if (OPEN_PATHS.has((request.url ?? '').split('?', 1)[0] ?? '')) return;
    const presented = request.headers[HEADER];
    if (typeof presented === 'string' && timingSafeEqual(digest(presented), expected)) return;
    const message = 'Unauthorized: invalid or missing header X-EXECD-ACCESS-TOKEN';
    // `error` is what older clients read (contract §1.1).
    throw new ServiceError('unauthenticated', 'UNAUTHORIZED', message, { details: { error: message } });
  };
}

/** Equal lengths for the comparison, whatever was sent. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
