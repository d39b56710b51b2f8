import type { Stats } from 'node:fs';
import { ServiceError } from '@pod-agent/daemon-kit/service-error';
import type { ErrorCode, ServiceErrorKind } from '@pod-agent/daemon-kit/service-error';
import { errorCode, errorText } from '../os/errno.ts';

const ANSWERS: Readonly<Record<string, readonly [ServiceErrorKind, ErrorCode]>> = {
  ENOENT: ['not-found', 'FILE_NOT_FOUND'],
  EACCES: ['permission-denied', 'PERMISSION_DENIED'],
  EPERM: ['permission-denied', 'PERMISSION_DENIED'],
  EROFS: ['permission-denied', 'READ_ONLY_FILE_SYSTEM'],
  ENOSPC: ['insufficient-storage', 'DISK_FULL'],
  EDQUOT: ['insufficient-storage', 'DISK_FULL'],
  EFBIG: ['insufficient-storage', 'DISK_FULL'],
  ENAMETOOLONG: ['invalid-argument', 'NAME_TOO_LONG'],
};

/**
 * The request failure for a system error: missing 404, not permitted or read-only 403, full 507, too long 400,
 * anything else 500. A ServiceError passes through. The message is
 * `context`, a colon unless it ends with a full stop, and the system's words.
 */
export function fileFailure(error: unknown, context: string): ServiceError {
  if (error instanceof ServiceError) return error;
  const code = errorCode(error) ?? '';
  const [kind, wireCode] = ANSWERS[code] ?? (['internal', 'RUNTIME_ERROR'] as const);
  return new ServiceError(
    kind,
    wireCode,
    `${context}${context.endsWith('.') ? '' : ':'} ${failureText(error)}`,
    { cause: error },
  );
}

/** As fileFailure, but where the contract has 500 for a missing file. */
export function fileFailureNever404(error: unknown, context: string): ServiceError {
  const failure = fileFailure(error, context);
  if (failure.kind !== 'not-found') return failure;
  return new ServiceError('internal', 'RUNTIME_ERROR', failure.message, { cause: error });
}

/** `open /a/b: no such file or directory`, as the system's call, path and words. */
export function failureText(error: unknown): string {
  const code = errorCode(error);
  if (code === undefined || !(error instanceof Error))
    return String(error instanceof Error ? error.message : error);
  const { syscall, path } = error as NodeJS.ErrnoException;
  const call = syscall === undefined ? '' : `${syscall}${path === undefined ? '' : ` ${path}`}: `;
  return `${call}${errorText(code)}`;
}

/** 404 `FILE_NOT_FOUND`. */
export function fileNotFound(message: string): ServiceError {
  return new ServiceError('not-found', 'FILE_NOT_FOUND', message);
}

/** 412 `FILE_EXISTS`: only a new file was wanted. */
export function fileExists(path: string): ServiceError {
  return new ServiceError('precondition-failed', 'FILE_EXISTS', `file exists: ${path}`);
}

/** A directory is 500, as in the contract (§7.7); pipes, sockets and devices are 400. */
export function notRegular(path: string, stats: Stats): ServiceError {
  if (stats.isDirectory())
    return new ServiceError('internal', 'RUNTIME_ERROR', `open ${path}: is a directory`);
  return invalidRequest(`not a regular file: ${path}`);
}

/** 500 `RUNTIME_ERROR`: a file stands where a directory is needed. */
export function notADirectory(path: string): ServiceError {
  return new ServiceError('internal', 'RUNTIME_ERROR', `mkdir ${path}: not a directory`);
}

/** 400 for a link that leads back to itself; anything else as it is. */
export function loopFailure(error: unknown, path: string): unknown {
  if (errorCode(error) !== 'ELOOP') return error;
  return invalidRequest(`too many levels of symbolic links: ${path}`, error);
}

/** 400 `INVALID_REQUEST_BODY`. */
export function invalidRequest(message: string, cause?: unknown): ServiceError {
  return new ServiceError('invalid-argument', 'INVALID_REQUEST_BODY', message, { cause });
}
