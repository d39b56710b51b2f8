import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** How to run a pipeline: `parameters` are its $1, $2 and so on. */
export interface PipelineOptions {
  readonly parameters?: readonly string[];
  readonly environment?: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
}

/** How long a shell needs for a pipeline, its own start included; rejects if the last program of it fails. */
export async function pipelineSeconds(pipeline: string, options: PipelineOptions): Promise<number> {
  const { parameters = [], environment = process.env, signal } = options;
  const startedMs = performance.now();
  await promisify(execFile)('/bin/sh', ['-c', pipeline, 'sh', ...parameters], { env: environment, signal });
  return (performance.now() - startedMs) / 1000;
}
