/** Why a request could not be served, independent of any transport. `http/error-response.ts` maps it to a status. */
export type ServiceErrorKind =
  | 'invalid-argument'
  | 'unauthenticated'
  | 'permission-denied'
  | 'not-found'
  | 'conflict'
  | 'gone'
  | 'too-large'
  | 'out-of-range'
  | 'precondition-failed'
  | 'internal'
  | 'unsupported'
  | 'unavailable'
  | 'insufficient-storage';

/** The `code` strings on the wire (execd contract §1.2, addendum A1.2, and our additions). */
export type ErrorCode =
  | 'ALREADY_RUNNING'
  | 'BODY_TOO_LARGE'
  | 'COMMAND_NOT_FOUND'
  | 'COMMAND_NOT_RUNNING'
  | 'DISK_FULL'
  | 'EVENTS_GONE'
  | 'FILE_EXISTS'
  | 'FILE_NOT_FOUND'
  | 'IDEMPOTENCY_KEY_REUSED'
  | 'INVALID_ARCHIVE'
  | 'INVALID_FILE'
  | 'INVALID_FILE_CONTENT'
  | 'INVALID_FILE_METADATA'
  | 'INVALID_REQUEST'
  | 'INVALID_REQUEST_BODY'
  | 'MISSING_QUERY'
  | 'NAME_TOO_LONG'
  | 'NOT_FOUND'
  | 'NOT_SUPPORTED'
  | 'OUTSIDE_FILES_ROOT'
  | 'PERMISSION_DENIED'
  | 'READ_ONLY_FILE_SYSTEM'
  | 'RUNTIME_ERROR'
  | 'SANDBOX_NOT_FOUND'
  | 'SANDBOX_NOT_RUNNING'
  | 'SERVICE_UNAVAILABLE'
  | 'STDIN_CLOSED'
  | 'UNAUTHORIZED'
  | 'UNKNOWN'
  | 'WATCH_LIMIT';

/** Thrown when a request cannot be served. A process that ended badly is never one of these: that is an outcome. */
export class ServiceError extends Error {
  override readonly name = 'ServiceError';
  readonly kind: ServiceErrorKind;
  readonly code: ErrorCode;
  /** Keys that the answer carries beside `code` and `message`. */
  readonly details: Readonly<Record<string, unknown>>;
  /** Headers that the answer carries. */
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    kind: ServiceErrorKind,
    code: ErrorCode,
    message: string,
    options: { cause?: unknown; details?: Record<string, unknown>; headers?: Record<string, string> } = {},
  ) {
    super(message, { cause: options.cause });
    this.kind = kind;
    this.code = code;
    this.details = options.details ?? {};
    this.headers = options.headers ?? {};
  }
}
