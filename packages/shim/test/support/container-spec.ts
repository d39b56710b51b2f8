import { seccompProfile } from './seccomp-profile.ts';
import type { ForbiddenCalls } from './seccomp-profile.ts';

/** What a container of a test pod is made of. */
export interface ContainerOptions extends ForbiddenCalls {
  readonly args: readonly string[];
  /** Programs of the machine, read-only, below /usr; otherwise there is busybox alone. */
  readonly machinePrograms?: boolean;
  /** root by default. */
  readonly uid?: number;
  readonly addCapabilities?: readonly string[];
  /** All but those that are added. */
  readonly dropAllCapabilities?: boolean;
  readonly noNewPrivileges?: boolean;
  readonly readOnlyRoot?: boolean;
  readonly environment?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Paths of the machine that are seen read-only in the container, by their paths there. */
  readonly binds?: Readonly<Record<string, string>>;
}

/** Where a container is in its pod. */
export interface ContainerPlace {
  readonly root: string;
  readonly cgroup: string;
  /** Of the process whose namespaces it shares; undefined for the first container, which makes them. */
  readonly pausePid: number | undefined;
}

/** What container runtimes give to a container that asks for nothing. */
const DEFAULT_CAPABILITIES = [
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_FSETID',
  'CAP_FOWNER',
  'CAP_MKNOD',
  'CAP_NET_RAW',
  'CAP_SETGID',
  'CAP_SETUID',
  'CAP_SETFCAP',
  'CAP_SETPCAP',
  'CAP_NET_BIND_SERVICE',
  'CAP_SYS_CHROOT',
  'CAP_KILL',
  'CAP_AUDIT_WRITE',
];

const NAMESPACES = { pid: 'pid', network: 'net', ipc: 'ipc', uts: 'uts' } as const;

/** The configuration of a container for an OCI runtime. */
export function containerSpec(options: ContainerOptions, place: ContainerPlace): Record<string, unknown> {
  const { uid = 0, environment = {}, cwd = '/', noNewPrivileges = false, readOnlyRoot = false } = options;
  const kept = options.dropAllCapabilities ? [] : DEFAULT_CAPABILITIES;
  const bounding = [...kept, ...(options.addCapabilities ?? [])];
  const effective = uid === 0 ? bounding : [];
  return {
    ociVersion: '1.0.2',
    process: {
      terminal: false,
      user: { uid, gid: uid },
      args: options.args,
      env: [
        'PATH=/usr/sbin:/usr/bin:/sbin:/bin',
        ...Object.entries(environment).map(([n, v]) => `${n}=${v}`),
      ],
      cwd,
      capabilities: { bounding, effective, permitted: effective },
      noNewPrivileges,
      oomScoreAdj: 100,
    },
    root: { path: place.root, readonly: readOnlyRoot },
    mounts: [...SYSTEM_MOUNTS, ...bindMounts(options)],
    linux: {
      resources: { devices: [{ allow: false, access: 'rwm' }] },
      cgroupsPath: place.cgroup,
      namespaces: [{ type: 'mount' }, ...podNamespaces(place.pausePid)],
      maskedPaths: ['/proc/acpi', '/proc/kcore', '/proc/keys', '/proc/timer_list', '/sys/firmware'],
      readonlyPaths: ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'],
      ...seccompProfile(bounding, options),
    },
  };
}

const SYSTEM_MOUNTS = [
  { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev'] },
  { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'mode=755', 'size=65536k'] },
  {
    destination: '/dev/pts',
    type: 'devpts',
    source: 'devpts',
    options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620'],
  },
  { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['nosuid', 'noexec', 'nodev', 'ro'] },
];

function bindMounts({ machinePrograms = false, binds = {} }: ContainerOptions): unknown[] {
  const all = { ...(machinePrograms ? { '/usr': '/usr', '/etc': '/etc' } : {}), ...binds };
  return Object.entries(all).map(([destination, source]) => ({
    destination,
    type: 'bind',
    source,
    options: ['rbind', 'rprivate', 'ro'],
  }));
}

function podNamespaces(pausePid: number | undefined): unknown[] {
  return Object.entries(NAMESPACES).map(([type, name]) =>
    pausePid === undefined ? { type } : { type, path: `/proc/${pausePid}/ns/${name}` },
  );
}
