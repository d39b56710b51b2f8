import type { ServerResponse } from 'node:http';
import { ServiceError } from '../service-error.ts';
import type { ServiceErrorKind } from '../service-error.ts';

const STATUS: Record<ServiceErrorKind, number> = {
  'invalid-argument': 400,
  unauthenticated: 401,
  'permission-denied': 403,
  'not-found': 404,
  conflict: 409,
  gone: 410,
  'too-large': 413,
  'precondition-failed': 412,
  'out-of-range': 416,
  internal: 500,
  unsupported: 501,
  unavailable: 503,
  'insufficient-storage': 507,
};

/**
 * The error answer for anything that was thrown: `{code, message}` plus the error's own details, never an empty body
 * (contract §1.2). Whatever is not a ServiceError is a bug and reads as `RUNTIME_ERROR`.
 */
export function errorBody(error: unknown): { status: number; body: Record<string, unknown> } {
  if (error instanceof ServiceError) {
    return {
      status: STATUS[error.kind],
      body: { code: error.code, message: error.message, ...error.details },
    };
  }
  const message = error instanceof Error ? error.message : String(error);
  return { status: 500, body: { code: 'RUNTIME_ERROR', message: message || 'internal error' } };
}

/** Answers with the error; once headers are out the connection is cut instead, so that no client takes it for a success. */
export function sendError(response: ServerResponse, error: unknown): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const { status, body } = errorBody(error);
  const text = JSON.stringify(body);
  response.writeHead(status, {
    ...(error instanceof ServiceError ? error.headers : {}),
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': Buffer.byteLength(text),
  });
  response.end(text);
}
