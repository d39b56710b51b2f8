import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';

const PACKAGE = join(import.meta.dirname, '..', '..');
const SOURCES = join(import.meta.dirname, 'native');
const OUTPUT = join(PACKAGE, 'dist', 'test');
const FLAGS = ['-std=c11', '-D_GNU_SOURCE', '-Wall', '-Wextra', '-Werror', '-O2', '-static', '-pthread'];

/** The C programs that tests run in containers, by the names of their sources. */
export type TestProgram =
  | 'allocator'
  | 'blocked-call'
  | 'pause'
  | 'restartable-sequence'
  | 'signal-counter'
  | 'token-reader';

/** Compiles a test program, which then needs nothing around it, and returns the path of the binary. */
export function buildTestProgram(name: TestProgram): string {
  const source = join(SOURCES, `${name}.c`);
  const compiler = compilerOf();
  const hash = createHash('sha256').update(compiler).update(FLAGS.join()).update(readFileSync(source));
  const directory = join(OUTPUT, hash.digest('hex').slice(0, 16));
  const binary = join(directory, name);
  if (existsSync(binary)) return binary;
  mkdirSync(directory, { recursive: true });
  const fresh = `${binary}.${process.pid}`;
  run(compiler, [...FLAGS, '-o', fresh, source]);
  renameSync(fresh, binary);
  return binary;
}

/** musl's programs tell the kernel nothing of restartable sequences, which would change their memory behind them. */
const COMPILERS = ['musl-gcc', 'cc'];

function compilerOf(): string {
  const found = COMPILERS.find((name) => spawnSync(name, ['--version']).status === 0);
  if (found === undefined) throw new Error('there is no C compiler on this machine');
  return found;
}

function run(command: string, args: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  if (error) throw error;
  if (status !== 0) throw new Error(`${command} failed: ${stderr}`);
  return stdout;
}
