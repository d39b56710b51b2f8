import { copyFile, chmod } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, inject } from 'vitest';
import { temporaryDirectory } from './temporary-directory.ts';

const program = inject('shimProgram');

beforeEach(({ skip }) => {
  skip(program === '', 'no C compiler for this variant of the shim');
});

/** The binary under test. */
export function shimProgram(): string {
  return program;
}

/** Whether it checks itself with a sanitizer, which makes it larger and slower. */
export function isSanitized(): boolean {
  return /-(?:address|undefined)$/.test(program);
}

/** Sanitizers say everything on stderr; freed memory goes back soon, so that the resident size tells something. */
export const SHIM_ENVIRONMENT: Readonly<Record<string, string>> = {
  ASAN_OPTIONS: 'quarantine_size_mb=1:detect_leaks=1',
  UBSAN_OPTIONS: 'print_stacktrace=1',
};

/** A copy of the binary where any user may execute it. */
export async function publicShimProgram(): Promise<AsyncDisposable & { readonly path: string }> {
  const directory = await temporaryDirectory();
  const path = join(directory.path, 'shim');
  await chmod(directory.path, 0o755);
  await copyFile(program, path);
  await chmod(path, 0o755);
  return { path, [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose]() };
}
