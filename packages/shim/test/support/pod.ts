import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readlinkSync,
  readdirSync,
} from 'node:fs';
import { rmSync, rmdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildTestProgram } from './native-program.ts';
import { until } from './until.ts';
import { runCommand, runToSuccess } from './command.ts';
import type { CommandOptions, CommandResult } from './command.ts';
import { makeContainerRoot } from './container-root.ts';
import { containerSpec } from './container-spec.ts';
import type { ContainerOptions } from './container-spec.ts';

/** A container of a pod. */
export interface PodContainer {
  /** Of its first process, as the machine and as the pod know it. */
  readonly machinePid: number;
  readonly pid: number;
  /** The path of its cgroup. */
  readonly cgroup: string;
  /** Everything that its first process wrote. */
  output(this: void): string;
  /** Runs one more process in it, with what the container may do, to its end. */
  run(this: void, command: readonly string[], options?: CommandOptions): Promise<CommandResult>;
}

/**
 * A pod of real containers: `pause`, a main container, and a sidecar that may trace. They share everything but their
 * mount namespaces, file systems and cgroups. Disposing it leaves nothing: processes, cgroups, mounts, files.
 */
export interface Pod extends AsyncDisposable {
  readonly main: PodContainer;
  readonly sidecar: PodContainer;
  /** Of `pause`, which all orphans of the pod have as their parent, as the machine knows it. */
  readonly pausePid: number;
  /** Stops and continues all processes of the main container at once. */
  freezeMain(this: void): Promise<void>;
  thawMain(this: void): Promise<void>;
  /** Kills everything in the sidecar, deletes it and starts a new one like it. */
  replaceSidecar(this: void): Promise<PodContainer>;
}

/** The containers that are not `pause`; without a command they wait. */
export interface PodOptions {
  readonly main?: Partial<ContainerOptions>;
  readonly sidecar?: Partial<ContainerOptions>;
}

/** Why no pod can be started here; undefined when it can. */
export async function whyNoPod(): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return 'containers need root';
  for (const program of ['runc', 'busybox']) {
    const { exit } = await runCommand(['which', program]);
    if (exit !== 0) return `there is no ${program} on this machine`;
  }
  return undefined;
}

/** Starts one. Rejects, with nothing left, when a container does not start. */
export async function startPod(options: PodOptions = {}): Promise<Pod> {
  await using cleanup = new AsyncDisposableStack();
  const parts = cleanup.use(new PodParts());
  const pause = await parts.start('pause', {
    args: ['/pause'],
    binds: { '/pause': buildTestProgram('pause') },
  });
  const wait = { args: ['/bin/busybox', 'sleep', '1000000'] };
  const main = await parts.start('main', { ...wait, ...options.main }, pause.machinePid);
  const sidecarOptions = { ...wait, addCapabilities: ['CAP_SYS_PTRACE'], ...options.sidecar };
  const sidecar = await parts.start('sidecar', sidecarOptions, pause.machinePid);
  const owned = cleanup.move();
  return {
    main,
    sidecar,
    pausePid: pause.machinePid,
    freezeMain: () => parts.runc('pause', 'main'),
    thawMain: () => parts.runc('resume', 'main'),
    async replaceSidecar() {
      await parts.runc('kill', '-a', 'sidecar', 'KILL');
      return parts.start('new-sidecar', sidecarOptions, pause.machinePid);
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

let pods = 0;

/** What a pod leaves on the machine. */
class PodParts implements AsyncDisposable {
  readonly #directory = mkdtempSync(join(tmpdir(), 'shim-pod.'));
  readonly #cgroup = `/shim-pod-${process.pid}-${++pods}`;
  readonly #ended: Promise<unknown>[] = [];
  #firstPid: number | undefined;

  async start(name: string, options: ContainerOptions, pausePid?: number): Promise<PodContainer> {
    const bundle = join(this.#directory, name);
    const root = join(bundle, 'root');
    makeContainerRoot(root, name);
    const cgroup = `${this.#cgroup}/${name}`;
    writeFileSync(
      join(bundle, 'config.json'),
      JSON.stringify(containerSpec(options, { root, cgroup, pausePid })),
    );
    const log = join(bundle, 'log');
    const pidFile = join(bundle, 'pid');
    await this.#run(['run', '-b', bundle, '--pid-file', pidFile, name], log, () => existsSync(pidFile));
    const machinePid = Number(readFileSync(pidFile, 'utf8'));
    this.#firstPid ??= machinePid;
    return {
      machinePid,
      pid: pidInPod(machinePid),
      cgroup,
      output: () => readFileSync(log, 'utf8'),
      run: (command, runOptions) => runCommand([...this.#command(), 'exec', name, ...command], runOptions),
    };
  }

  async runc(...args: readonly string[]): Promise<void> {
    await runToSuccess([...this.#command(), ...args]);
  }

  /** With the first process of the pid namespace everything ends, and each runc cleans up behind its container. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#firstPid !== undefined) process.kill(this.#firstPid, 'SIGKILL');
    await Promise.all(this.#ended);
    removeCgroup(this.#cgroup);
    rmSync(this.#directory, { recursive: true });
  }

  #command(): string[] {
    return ['runc', '--root', join(this.#directory, 'state')];
  }

  /** Each runc stays and is the parent of its container. Resolves when the container runs. */
  async #run(args: readonly string[], log: string, isRunning: () => boolean): Promise<void> {
    const [file = '', ...rest] = this.#command();
    const output = openSync(log, 'w');
    const child = spawn(file, [...rest, ...args], { stdio: ['ignore', output, output] });
    closeSync(output);
    this.#ended.push(once(child, 'exit'));
    await until(() => isRunning() || child.exitCode !== null);
    if (!isRunning()) throw new Error(`the container did not start: ${readFileSync(log, 'utf8')}`);
  }
}

/** A pid namespace has a number of its own for each process; the last one is that of the innermost. */
function pidInPod(machinePid: number): number {
  const numbers = /^NSpid:\s+(.*)$/m.exec(readFileSync(`/proc/${machinePid}/status`, 'utf8'))?.[1];
  return Number(numbers?.split(/\s+/).at(-1));
}

/** The other way round: the process that the pod knows by this pid. */
export function pidOnMachine(pod: Pod, pid: number): number {
  const namespace = pidNamespace(pod.pausePid);
  const found = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .find((candidate) => pidNamespace(candidate) === namespace && pidInPod(candidate) === pid);
  if (found === undefined) throw new Error(`the pod has no process ${pid}`);
  return found;
}

function pidNamespace(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`);
  } catch {
    // It has ended.
    return undefined;
  }
}

/** What runc leaves: the directory above those of the containers. */
function removeCgroup(path: string): void {
  // There are many of them, or one alone.
  for (const hierarchy of ['.', ...readdirSync('/sys/fs/cgroup')]) {
    const directory = join('/sys/fs/cgroup', hierarchy, path);
    if (existsSync(directory)) rmdirSync(directory);
  }
}
