import { getSystemErrorMap } from 'node:util';

const MESSAGES: ReadonlyMap<string, string> = new Map(getSystemErrorMap().values());

/** Where libuv's wording differs from the one of libc and Go. */
const LIBC_WORDING: Readonly<Record<string, string>> = {
  ENOMEM: 'cannot allocate memory',
  ENAMETOOLONG: 'file name too long',
  ELOOP: 'too many levels of symbolic links',
};

/** The code of a system error, `ENOENT` for instance; undefined for any other value. */
export function errorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** The system's words for an error code: `no such file or directory`. */
export function errorText(code: string): string {
  return LIBC_WORDING[code] ?? MESSAGES.get(code) ?? code;
}
