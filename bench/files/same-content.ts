import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';

/** Rejects unless both files have the same content. */
export async function expectSameFile(actual: string, expected: string, signal: AbortSignal): Promise<void> {
  await promisify(execFile)('cmp', [actual, expected], { signal });
}

/** Rejects unless the bytes are the content of the file. */
export async function expectContent(bytes: Readable, file: string): Promise<void> {
  const [actual, expected] = await Promise.all([digest(bytes), digest(createReadStream(file))]);
  if (actual !== expected) throw new Error(`not the content of ${file}`);
}

/** Rejects unless both directories have the same files with the same content. */
export async function expectSameTree(actual: string, expected: string, signal: AbortSignal): Promise<void> {
  await promisify(execFile)('diff', ['-rq', actual, expected], { signal });
}

/** Rejects unless the file consists of `times` copies of another one; only its size and its end are looked at. */
export async function expectRepeated(actual: string, file: string, times: number): Promise<void> {
  const [{ size }, { size: sizeOfOne }] = await Promise.all([stat(actual), stat(file)]);
  if (size !== sizeOfOne * times) throw new Error(`${actual} has ${size} bytes, not ${sizeOfOne * times}`);
  await promisify(execFile)('cmp', ['--ignore-initial', `${size - sizeOfOne}:0`, actual, file]);
}

/** Feeds bytes to a program's standard input; rejects unless it takes them all and exits with 0. */
export async function feedProgram(program: string, argv: readonly string[], bytes: Readable): Promise<void> {
  const child = spawn(program, argv, { stdio: ['pipe', 'ignore', 'inherit'] });
  const exited = once(child, 'exit');
  const [exit, feed] = await Promise.allSettled([exited, pipeline(bytes, child.stdin)]);
  const command = [program, ...argv].join(' ');
  if (exit.status === 'rejected') throw new Error(`cannot run ${command}`, { cause: exit.reason });
  const [status]: unknown[] = exit.value;
  if (status !== 0) throw new Error(`${command}: exit status ${String(status)}`);
  if (feed.status === 'rejected') throw new Error(`${command}: input ended early`, { cause: feed.reason });
}

async function digest(bytes: Readable): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(bytes, hash);
  return hash.digest('hex');
}
