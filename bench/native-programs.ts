import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { nativeProgramPath } from './native/build.ts';
import type { NativeProgram } from './native/build.ts';
import { NODE } from './server.ts';

/** What it costs to run a program without any server. */
export interface SpawnBaseline {
  readonly p50Us: number;
  readonly p99Us: number;
  readonly perSecond: number;
}

/** Times from sending a request, in µs, over all requests that succeeded. */
export interface LatencyMeasurement {
  readonly requests: number;
  readonly errors: number;
  readonly firstError: string;
  readonly seconds: number;
  readonly perSecond: number;
  readonly firstByteP50Us: number;
  readonly endP50Us: number;
  readonly endP99Us: number;
  readonly firstTenthEndP50Us: number;
  readonly lastTenthEndP50Us: number;
}

/** One response body read to its end, or to the moment the client closed the connection. */
export interface StreamMeasurement {
  readonly seconds: number;
  readonly wireBytes: number;
  readonly stdoutEvents: number;
  readonly completeEvents: number;
}

/** The command to run on the server, and how often. */
export interface LatencyRequest {
  readonly port: number;
  readonly command: string;
  readonly requests: number;
  readonly connections?: number;
  readonly maxSeconds?: number;
  readonly signal: AbortSignal;
}

/** The command whose output to read; with a rate the client is slow on purpose. */
export interface StreamRequest {
  readonly port: number;
  readonly command: string;
  readonly bytesPerSecond?: number;
  readonly maxSeconds?: number;
  readonly signal: AbortSignal;
}

/** The program to run without a server; `environment` decides where it is found. */
export interface SpawnRequest {
  readonly argv: readonly string[];
  readonly rounds: number;
  readonly environment: NodeJS.ProcessEnv;
  /** MiB of touched memory that the spawner holds meanwhile. */
  readonly ballastMb?: number;
  readonly signal: AbortSignal;
}

/** Runs the program again and again with vfork + exec; rejects if it ever fails. */
export async function measureSpawn(request: SpawnRequest): Promise<SpawnBaseline> {
  const { rounds, ballastMb = 0, argv } = request;
  const options = ['--rounds', String(rounds), '--ballast-mb', String(ballastMb), '--', ...argv];
  const line = await runProgram('spawn-baseline', options, request.signal, request.environment);
  if (numberAt(line, 'failures') > 0) throw new Error(`baseline failed: ${argv.join(' ')}`);
  return {
    p50Us: numberAt(line, 'p50_us'),
    p99Us: numberAt(line, 'p99_us'),
    perSecond: numberAt(line, 'per_second'),
  };
}

/** Median µs of starting the program from an otherwise empty Node with child_process: what no server that does so can beat. */
export async function measureBareSpawn({ argv, rounds, environment, signal }: SpawnRequest): Promise<number> {
  const program = join(import.meta.dirname, 'bare-spawn.cjs');
  const line = await readMeasurement(NODE, [program, String(rounds), ...argv], signal, environment);
  return numberAt(line, 'p50_us');
}

/** Runs the command through the server repeatedly; rejects if any request fails. */
export async function measureLatency(request: LatencyRequest): Promise<LatencyMeasurement> {
  const measurement = await measureLatencyWithErrors(request);
  if (measurement.errors === 0) return measurement;
  const { errors, requests, firstError } = measurement;
  throw new Error(`${errors} of ${requests} requests failed, the first one: ${firstError}`);
}

/** Like `measureLatency`, but failed requests are counted instead of rejecting. */
export async function measureLatencyWithErrors(request: LatencyRequest): Promise<LatencyMeasurement> {
  const options = ['--requests', String(request.requests), '--connections', String(request.connections ?? 1)];
  if (request.maxSeconds !== undefined) options.push('--max-seconds', String(request.maxSeconds));
  const line = await runClient('latency', request, options);
  return {
    requests: numberAt(line, 'requests'),
    errors: numberAt(line, 'errors'),
    firstError: String(fieldAt(line, 'first_error')),
    seconds: numberAt(line, 'seconds'),
    perSecond: numberAt(line, 'per_second'),
    firstByteP50Us: numberAt(line, 'first_byte_us', 'p50'),
    endP50Us: numberAt(line, 'end_us', 'p50'),
    endP99Us: numberAt(line, 'end_us', 'p99'),
    firstTenthEndP50Us: numberAt(line, 'first_tenth_end_p50_us'),
    lastTenthEndP50Us: numberAt(line, 'last_tenth_end_p50_us'),
  };
}

/** Runs the command through the server once and reads its output. */
export async function measureStream(request: StreamRequest): Promise<StreamMeasurement> {
  const options: string[] = [];
  if (request.bytesPerSecond !== undefined)
    options.push('--bytes-per-second', String(request.bytesPerSecond));
  if (request.maxSeconds !== undefined) options.push('--max-seconds', String(request.maxSeconds));
  const line = await runClient('stream', request, options);
  return {
    seconds: numberAt(line, 'seconds'),
    wireBytes: numberAt(line, 'wire_bytes'),
    stdoutEvents: numberAt(line, 'events'),
    completeEvents: numberAt(line, 'complete_events'),
  };
}

async function runClient(
  mode: 'latency' | 'stream',
  request: LatencyRequest | StreamRequest,
  options: readonly string[],
): Promise<unknown> {
  const body = JSON.stringify({ command: request.command });
  const argv = [mode, '--port', String(request.port), '--body', body, ...options];
  return await runProgram('http-client', argv, request.signal, process.env);
}

/** Like `readMeasurement`, for one of the C programs. */
export async function runProgram(
  program: NativeProgram,
  argv: readonly string[],
  signal: AbortSignal,
  environment: NodeJS.ProcessEnv,
): Promise<unknown> {
  return await readMeasurement(nativeProgramPath(program), argv, signal, environment);
}

/** Runs a measuring program and resolves to the JSON line it prints; rejects with its complaint otherwise. */
export async function readMeasurement(
  file: string,
  argv: readonly string[],
  signal: AbortSignal,
  environment: NodeJS.ProcessEnv,
): Promise<unknown> {
  try {
    const { stdout } = await promisify(execFile)(file, argv, { signal, env: environment });
    return JSON.parse(stdout);
  } catch (error) {
    const complaint = fieldAt(error, 'stderr');
    if (typeof complaint !== 'string' || complaint === '') throw error;
    throw new Error(complaint.trim(), { cause: error });
  }
}

/** The number at a path of keys in that line; throws if there is none. */
export function numberAt(line: unknown, ...path: readonly string[]): number {
  const value = path.reduce(fieldAt, line);
  if (typeof value === 'number') return value;
  throw new TypeError(`a measuring program printed no number "${path.join('.')}"`);
}

function fieldAt(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  return Object.entries(value).find(([name]) => name === key)?.[1];
}
