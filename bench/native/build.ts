import { execFile } from 'node:child_process';
import { mkdir, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const SOURCE_DIRECTORY = import.meta.dirname;
const BUILD_DIRECTORY = join(SOURCE_DIRECTORY, 'build');
const COMPILER_FLAGS = ['-std=c11', '-Wall', '-Wextra', '-Werror', '-O2'];
const PROGRAM_SOURCES = {
  'copy-server': ['copy-server.c'],
  'staged-copy': ['staged-copy.c'],
  'spawn-baseline': ['spawn-baseline.c', 'percentile.c', 'numeric-option.c'],
  'http-client': [
    'http-client.c',
    'http-request.c',
    'http-response.c',
    'latency-mode.c',
    'stream-mode.c',
    'loopback-socket.c',
    'marker-counter.c',
    'percentile.c',
    'numeric-option.c',
  ],
  'file-client': [
    'file-client.c',
    'fetch-mode.c',
    'send-mode.c',
    'http-exchange.c',
    'http-request.c',
    'http-response.c',
    'loopback-socket.c',
    'numeric-option.c',
  ],
};

/** A measuring program written in C. */
export type NativeProgram = keyof typeof PROGRAM_SOURCES;

/** The absolute path of the program; it exists once `buildNativePrograms` has resolved. */
export function nativeProgramPath(program: NativeProgram): string {
  return join(BUILD_DIRECTORY, program);
}

/** Compiles each program that is missing or older than any C source; rejects with one line if `cc` is not there. */
export async function buildNativePrograms(): Promise<void> {
  await mkdir(BUILD_DIRECTORY, { recursive: true });
  const sourcesChangedMs = await newestSourceTimeMs();
  for (const [program, sources] of Object.entries(PROGRAM_SOURCES)) {
    const binary = join(BUILD_DIRECTORY, program);
    const builtMs = await modifiedTimeMs(binary);
    if (builtMs <= sourcesChangedMs) await compile(binary, sources);
  }
}

async function newestSourceTimeMs(): Promise<number> {
  const names = await readdir(SOURCE_DIRECTORY);
  const sources = names.filter((name) => name.endsWith('.c') || name.endsWith('.h'));
  const times = await Promise.all(sources.map((name) => modifiedTimeMs(join(SOURCE_DIRECTORY, name))));
  return Math.max(...times);
}

/** 0 for a file that does not exist. */
async function modifiedTimeMs(path: string): Promise<number> {
  try {
    return (await stat(path)).mtimeMs;
  } catch (error) {
    if (isNotFound(error)) return 0;
    throw error;
  }
}

async function compile(binary: string, sources: readonly string[]): Promise<void> {
  const sourcePaths = sources.map((name) => join(SOURCE_DIRECTORY, name));
  try {
    await promisify(execFile)('cc', [...COMPILER_FLAGS, '-o', binary, ...sourcePaths, '-lm']);
  } catch (error) {
    if (!isNotFound(error)) throw error;
    throw new Error(
      'no C compiler: the benchmark clients are C programs, please install `cc` (gcc or clang)',
      {
        cause: error,
      },
    );
  }
}

function isNotFound(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
