import { errorText } from './errno.ts';
import { LaunchError } from './process-launcher.ts';
import type { LaunchSpec } from './process-launcher.ts';

/** Steps that are part of executing a file, in the original's eyes: it does not name them. */
const UNNAMED_STEPS: ReadonlySet<string> = new Set(['exec', 'groups', 'gid', 'uid']);

/**
 * Why a process could not be started, in the original's words (contract §3.1), with what is missing when it is a privilege
 * (addendum A2.2) and otherwise with the step that failed. The step of a limit names it: `limit openFiles`.
 */
export function launchFailure(spec: LaunchSpec, code: string, step: string = 'exec'): LaunchError {
  const text = `fork/exec ${spec.file}: ${errorText(code)}`;
  if (!UNNAMED_STEPS.has(step)) return new LaunchError(`${text} (${step})`, code);
  return new LaunchError(code === 'EPERM' ? `${text}${missingPrivilege(spec)}` : text, code);
}

function missingPrivilege({ identity, groups }: LaunchSpec): string {
  if (identity)
    return ` (running as uid ${identity.uid} gid ${identity.gid} needs CAP_SETUID and CAP_SETGID)`;
  return groups ? ' (setting groups needs CAP_SETGID)' : '';
}
