import { statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { ServiceError } from '@pod-agent/daemon-kit/service-error';
import { findGroup } from '../os/accounts.ts';
import type { Environment } from '../os/environment.ts';
import { errorCode, errorText } from '../os/errno.ts';
import { resolveGroups, resolveIdentity } from '../os/identity.ts';
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
export type LaunchPlan = Omit<LaunchSpec, 'file' | 'argv' | 'label'>;

/** Checks what the request asks of the system. Throws a ServiceError for a working directory that cannot be used. */
export function planLaunch(request: CommandRequest, base: Environment): LaunchPlan {
  const cwd =
    request.cwd === '' ? undefined : resolveWorkingDirectory(request.cwd, { ...base, ...request.envs });
  return {
    baseEnvironment: base,
    environment: cwd === undefined ? request.envs : { PWD: resolve(cwd), ...request.envs },
    cwd,
    ...identityOf(request),
    limits: request.limits,
    stdin: request.stdin ? 'pipe' : 'null',
    mergeOutput: request.background,
    killAtEnd: whomToKillAtEnd(request),
  };
}

/** Background commands take their group with them (contract §3.2). */
function whomToKillAtEnd({ killDetached, background }: CommandRequest): LaunchPlan['killAtEnd'] {
  if (killDetached) return 'tree';
  return background ? 'group' : undefined;
}

function identityOf({ uid, gid, groups, limits }: CommandRequest): Pick<LaunchPlan, 'identity' | 'groups'> {
  // The kernel exempts the real uid 0 from this limit (setrlimit(2)): it would be accepted and bind nothing.
  if (limits?.processes !== undefined && (uid ?? process.getuid?.()) === 0)
    throw invalid('limits.processes does not bind root: another uid is needed');
  return {
    identity: resolveIdentity(uid, gid),
    groups: groups?.map(groupNumber) ?? resolveGroups(uid, gid),
  };
}

function groupNumber(group: number | string): number {
  const number = typeof group === 'number' ? group : findGroup(group);
  if (number === undefined) throw invalid(`unknown group ${JSON.stringify(group)}`);
  return number;
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
  const file = findInPath(name, plan.environment['PATH'] ?? plan.baseEnvironment?.['PATH']);
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
