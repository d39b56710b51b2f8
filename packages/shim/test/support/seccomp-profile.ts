import { existsSync, readFileSync } from 'node:fs';

/** System calls that a container is not allowed, beyond what the profile forbids: answered with EPERM, or with SIGSYS. */
export interface ForbiddenCalls {
  readonly refusedCalls?: readonly string[];
  readonly trappedCalls?: readonly string[];
}

/** The profile that Debian's containers come with; without it containers are only kept from what a test forbids. */
const PATH = '/usr/share/containers/seccomp.json';
const ALLOW_ALL: Profile = { defaultAction: 'SCMP_ACT_ALLOW', syscalls: [] };

interface ProfileRule {
  readonly names: readonly string[];
  readonly action: string;
  readonly args?: unknown;
  readonly errnoRet?: number;
  readonly includes?: ProfileCondition;
  readonly excludes?: ProfileCondition;
}

interface ProfileCondition {
  readonly caps?: readonly string[];
  readonly arches?: readonly string[];
}

interface Profile {
  readonly defaultAction: string;
  readonly defaultErrnoRet?: number;
  readonly syscalls: readonly ProfileRule[];
}

/** For an OCI configuration, as a container engine resolves it: some rules depend on what the container may do. */
export function seccompProfile(
  capabilities: readonly string[],
  { refusedCalls = [], trappedCalls = [] }: ForbiddenCalls,
): { readonly seccomp: unknown } {
  const profile = existsSync(PATH) ? (JSON.parse(readFileSync(PATH, 'utf8')) as Profile) : ALLOW_ALL;
  const architecture = process.arch === 'x64' ? 'amd64' : process.arch;
  const holds = ({ caps, arches }: ProfileCondition = {}, otherwise: boolean): boolean =>
    (caps?.length ? caps.some((name) => capabilities.includes(name)) : otherwise) &&
    (arches?.length ? arches.includes(architecture) : otherwise);
  const excludes = ({ caps = [], arches = [] }: ProfileCondition = {}): boolean =>
    caps.some((name) => capabilities.includes(name)) || arches.includes(architecture);
  const rules = profile.syscalls.filter((rule) => holds(rule.includes, true) && !excludes(rule.excludes));
  return {
    seccomp: {
      defaultAction: profile.defaultAction,
      defaultErrnoRet: profile.defaultErrnoRet,
      syscalls: [
        ...forbid(refusedCalls, 'SCMP_ACT_ERRNO'),
        ...forbid(trappedCalls, 'SCMP_ACT_TRAP'),
        ...rules.map(({ names, action, args, errnoRet }) => ({
          names: names.filter((name) => !refusedCalls.includes(name) && !trappedCalls.includes(name)),
          action,
          args,
          errnoRet,
        })),
      ].filter(({ names }) => names.length > 0),
    },
  };
}

function forbid(names: readonly string[], action: string): ProfileRule[] {
  return names.length > 0 ? [{ names, action }] : [];
}
