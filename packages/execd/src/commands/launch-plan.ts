import { statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { ServiceError } from '@pod-agent/daemon-kit/service-error';
import type { Environment } from '../os/environment.ts';
import { errorCode, errorText } from '../os/errno.ts';
import { resolveIdentity } from '../os/identity.ts';
import { expandPath } from '../os/path-expansion.ts';
import { LaunchError } from '../os/process-launcher.ts';
import type { LaunchSpec } from '../os/process-launcher.ts';
import { EXECUTION_COOKIE } from '../os/process-tree.ts';
import { findInPath } from '../os/shell.ts';
import type { CommandRequest } from './schema.ts';

/** The shell of command lines, looked up once. */
export interface Shell {
  readonly name: string;
  readonly file: string;
}

/** Everything about a command's process that is known once its request was checked: all but id and program. */
export type LaunchPlan = Omit<LaunchSpec, 'file' | 'argv'>;

/** Checks what the request asks of the system. Throws a ServiceError for a working directory that cannot be used. */
export function planLaunch(request: CommandRequest, base: Environment): LaunchPlan {
  const cwd =
    request.cwd === '' ? undefined : resolveWorkingDirectory(request.cwd, { ...base, ...request.envs });
  return {
    environment: { ...base, ...(cwd === undefined ? {} : { PWD: resolve(cwd) }), ...request.envs },
    cwd,
    identity: resolveIdentity(request.uid, request.gid),
    stdin: request.stdin ? 'pipe' : 'null',
    mergeOutput: request.background,
  };
}

/** Adds id and program. Throws a LaunchError when argv names none that can be found (addendum A2.1). */
export function launchSpec(
  plan: LaunchPlan,
  id: string,
  { program }: CommandRequest,
  shell: Shell,
): LaunchSpec {
  const environment = { ...plan.environment, [EXECUTION_COOKIE]: id };
  if ('commandLine' in program) {
    return { ...plan, environment, file: shell.file, argv: [shell.name, '-c', program.commandLine] };
  }
  return { ...plan, environment, file: findProgram(program.argv[0], plan), argv: program.argv };
}

function findProgram(name: string, plan: LaunchPlan): string {
  if (name.startsWith('/')) return name;
  if (name.includes('/')) return join(resolve(plan.cwd ?? '.'), name);
  const file = findInPath(name, plan.environment['PATH']);
  if (file !== undefined) return file;
  throw new LaunchError(`exec: ${JSON.stringify(name)}: executable file not found in $PATH`, 'ENOENT');
}

function resolveWorkingDirectory(cwd: string, environment: Environment): string {
  const path = expandWorkingDirectory(cwd, environment);
  let isDirectory: boolean;
  try {
    isDirectory = statSync(path).isDirectory();
  } catch (error) {
    const reason = errorText(errorCode(error) ?? '');
    throw invalid(`working directory does not exist: ${path}: stat ${path}: ${reason}`, error);
  }
  if (!isDirectory) throw invalid(`working directory path is not a directory: ${path}`);
  return path;
}

function expandWorkingDirectory(cwd: string, environment: Environment): string {
  try {
    return expandPath(cwd, environment);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw invalid(`cannot resolve working directory ${JSON.stringify(cwd)}: ${reason}`, error);
  }
}

function invalid(detail: string, cause?: unknown): ServiceError {
  const message = `invalid request, validation error ${detail}`;
  return new ServiceError('invalid-argument', 'INVALID_REQUEST_BODY', message, { cause });
}
