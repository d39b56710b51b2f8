import { readFileSync, readlinkSync, statSync } from 'node:fs';

/** What a process may do and where it is. Two processes of a container have the same. */
export interface Confinement {
  readonly identity: readonly string[];
  readonly namespaces: readonly string[];
  readonly cgroups: string;
  readonly root: string;
  readonly environment: readonly string[];
}

const NAMESPACES = ['mnt', 'pid', 'net', 'ipc', 'uts', 'user'];

/** Of a process of this machine. */
export function confinementOf(pid: number): Confinement {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const root = statSync(`/proc/${pid}/root/.`);
  return {
    identity: status.match(/^(?:Uid|Gid|Groups|Cap|NoNewPrivs|Seccomp).*$/gm) ?? [],
    namespaces: NAMESPACES.map((name) => readlinkSync(`/proc/${pid}/ns/${name}`)),
    cgroups: readFileSync(`/proc/${pid}/cgroup`, 'utf8'),
    root: `${root.dev}:${root.ino}`,
    environment: readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0'),
  };
}
