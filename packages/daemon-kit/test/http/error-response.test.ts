import { expect, test } from 'vitest';
import { errorBody } from '../../src/http/error-response.ts';
import { ServiceError } from '../../src/service-error.ts';

test.each([
  ['invalid-argument', 400],
  ['unauthenticated', 401],
  ['permission-denied', 403],
  ['not-found', 404],
  ['conflict', 409],
  ['gone', 410],
  ['too-large', 413],
  ['out-of-range', 416],
  ['internal', 500],
  ['unsupported', 501],
  ['unavailable', 503],
] as const)('contract §1.2: %s is status %d with code, message and details', (kind, status) => {
  const error = new ServiceError(kind, 'NOT_FOUND', 'why', { details: { more: 1 } });
  expect(errorBody(error)).toEqual({ status, body: { code: 'NOT_FOUND', message: 'why', more: 1 } });
});

test.each([
  [new TypeError('a bug'), 'a bug'],
  [new Error(), 'internal error'],
  ['text', 'text'],
  [undefined, 'undefined'],
])('contract §1.2: %o, being a bug, is 500 RUNTIME_ERROR with a message', (thrown, message) => {
  expect(errorBody(thrown)).toEqual({ status: 500, body: { code: 'RUNTIME_ERROR', message } });
});
