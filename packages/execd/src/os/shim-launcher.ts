import { constants } from 'node:os';
import { getSystemErrorName } from 'node:util';
import { LIMIT_RESOURCE } from '@pod-agent/shim/frames';
import type { ResourceLimit, SpawnRequest } from '@pod-agent/shim/frames';
import type { ChildExit } from '@pod-agent/shim/replies';
import { ShimLostError, SpawnFailedError } from '@pod-agent/shim/shim-child';
import type { ShimChild } from '@pod-agent/shim/shim-child';
import type { ShimConnection } from '@pod-agent/shim/shim-connection';
import { launchFailure } from './launch-failure.ts';
import type { MemoryKills } from './memory-kills.ts';
import { LaunchError } from './process-launcher.ts';
import type {
  LaunchSpec,
  LaunchedProcess,
  OutputSink,
  ProcessExit,
  ProcessLauncher,
  ProcessLimits,
  ProcessUsage,
} from './process-launcher.ts';
import { EXECUTION_COOKIE, hasProcessGroup, signalCarriers, signalTree } from './process-tree.ts';
import { signalNameOf } from './signal-names.ts';

export interface ShimLauncherOptions {
  /** Connects to a shim, a new one when there is none. */
  connect(): Promise<ShimConnection>;
  /** Called when the shim is gone without having been asked to. */
  onLost(reason: string): void;
  readonly memoryKills: MemoryKills;
  /** For children that ask for none. */
  readonly oomScoreAdjustment: number | undefined;
}

/** Starts processes through the native shim, which starts them without standing still and sees to them when we are gone. */
export class ShimLauncher implements ProcessLauncher {
  readonly features = ['groups', 'limits', 'detached-kill', 'usage', 'survival'] as const;
  readonly #options: ShimLauncherOptions;
  /** The shim's own directory is not the children's. */
  readonly #workingDirectory = process.cwd();
  #connection: ShimConnection | undefined;
  #connecting: Promise<ShimConnection> | undefined;
  #disposed = false;

  /** `connection` is the first one; another is made when it is lost. */
  constructor(connection: ShimConnection, options: ShimLauncherOptions) {
    this.#options = options;
    this.#use(connection);
  }

  /** The pid of the shim; undefined while there is none. */
  get shimPid(): number | undefined {
    return this.#connection?.shimPid;
  }

  async launch(spec: LaunchSpec, sink: OutputSink): Promise<LaunchedProcess> {
    try {
      return await this.#launchOnce(spec, sink);
    } catch (error) {
      // A shim that was killed may be found gone only by the next request. Not when the process had been started: then
      // it is killed, and whoever asked for it has to decide.
      if (!(error instanceof ShimLostError) || killByCookie(spec)) throw launchErrorOf(error, spec);
    }
    try {
      return await this.#launchOnce(spec, sink);
    } catch (error) {
      throw launchErrorOf(error, spec);
    }
  }

  async #launchOnce(spec: LaunchSpec, sink: OutputSink): Promise<LaunchedProcess> {
    const connection = this.#connection ?? (await this.#reconnect(spec));
    const killsBefore = this.#options.memoryKills.recentCount();
    const child = connection.spawn(this.#requestFor(spec), sink);
    const pid = await child.started;
    return this.#follow(child, pid, killsBefore, spec.environment[EXECUTION_COOKIE]);
  }

  /** A process that an earlier daemon started. */
  adopt(child: ShimChild, pid: number, cookie: string): LaunchedProcess {
    return this.#follow(child, pid, this.#options.memoryKills.recentCount(), cookie);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true;
    await this.#connecting?.catch(() => undefined);
    await this.#connection?.[Symbol.asyncDispose]();
  }

  #requestFor(spec: LaunchSpec): SpawnRequest {
    const { limits } = spec;
    return {
      file: spec.file,
      argv: spec.argv,
      environment: spec.environment,
      baseEnvironment: spec.baseEnvironment,
      cwd: spec.cwd ?? this.#workingDirectory,
      stdin: spec.stdin,
      mergeOutput: spec.mergeOutput,
      identity: spec.identity,
      groups: spec.groups,
      limits: limits && resourceLimits(limits),
      nice: limits?.nice,
      oomScoreAdjustment: limits?.oomScoreAdj ?? this.#options.oomScoreAdjustment,
      killAtEnd: spec.killAtEnd,
      label: spec.label && Buffer.from(spec.label()),
    };
  }

  #follow(
    child: ShimChild,
    pid: number,
    killsBefore: number | undefined,
    cookie: string | undefined,
  ): LaunchedProcess {
    return {
      pid,
      exited: this.#exitOf(child, pid, killsBefore, cookie),
      signal: async (signal, scope) => {
        try {
          return (await child.signal(constants.signals[signal], scope)).reached > 0;
        } catch (error) {
          // Whoever was left was killed when the shim was lost.
          if (error instanceof ShimLostError) return false;
          throw error;
        }
      },
      hasGroup: () => hasProcessGroup(pid),
      writeStdin: (bytes) => writeStdin(child, bytes),
      closeStdin: () => child.closeStdin(),
      release: () => child.release(),
    };
  }

  async #exitOf(
    child: ShimChild,
    pid: number,
    killsBefore: number | undefined,
    cookie: string | undefined,
  ): Promise<ProcessExit> {
    try {
      const exit = await child.exited;
      return processExit(exit, this.#memoryKillsDuring(exit, killsBefore));
    } catch (error) {
      signalTree(pid, cookie, 'SIGKILL');
      const reason = error instanceof Error ? error.message : String(error);
      return { lost: `the supervisor of the process is gone: ${reason}` };
    }
  }

  /** Looked at only for endings that may be one of these kills, the leader's or that of a child whose code it passes on. */
  #memoryKillsDuring(exit: ChildExit, before: number | undefined): number | undefined {
    const isKill = exit.value === (exit.how === 'signal' ? SIGKILL : 128 + SIGKILL);
    if (!isKill) return 0;
    const now = this.#options.memoryKills.count();
    return now === undefined || before === undefined ? undefined : now - before;
  }

  #use(connection: ShimConnection): void {
    this.#connection = connection;
    void connection.closed.then(() => {
      this.#connection = undefined;
      if (!this.#disposed) this.#options.onLost('the native launcher ended');
    });
  }

  async #reconnect(spec: LaunchSpec): Promise<ShimConnection> {
    if (this.#disposed) throw new LaunchError('execd is ending', 'ECANCELED');
    this.#connecting ??= this.#options.connect().finally(() => {
      this.#connecting = undefined;
    });
    try {
      const connection = await this.#connecting;
      if (this.#connection !== connection) this.#use(connection);
      return connection;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new LaunchError(
        `fork/exec ${spec.file}: the native launcher cannot be started: ${reason}`,
        'EAGAIN',
      );
    }
  }
}

const { SIGKILL } = constants.signals;

function resourceLimits(limits: ProcessLimits): ResourceLimit[] {
  return Object.entries(LIMIT_RESOURCE).flatMap(([name, resource]) => {
    const value = limits[name as keyof typeof LIMIT_RESOURCE];
    return value === undefined ? [] : [{ resource, soft: BigInt(value), hard: BigInt(value) }];
  });
}

function processExit(exit: ChildExit, memoryKills: number | undefined): ProcessExit {
  const usage: ProcessUsage = {
    userCpuMs: exit.userMicroseconds / 1_000,
    systemCpuMs: exit.systemMicroseconds / 1_000,
    peakRssBytes: exit.peakResidentBytes,
    wallMs: exit.wallMicroseconds / 1_000,
    coreDumped: exit.coreDumped,
    memoryKills,
    killedAtEnd: exit.killedAtEnd,
  };
  return exit.how === 'code' ? { code: exit.value, usage } : { signal: signalNameOf(exit.value), usage };
}

/** Whether a process of that execution was there to be killed. */
function killByCookie(spec: LaunchSpec): boolean {
  const cookie = spec.environment[EXECUTION_COOKIE];
  return cookie !== undefined && signalCarriers(cookie, 'SIGKILL');
}

function launchErrorOf(error: unknown, spec: LaunchSpec): unknown {
  if (error instanceof SpawnFailedError) {
    return launchFailure(spec, getSystemErrorName(-error.errno), stepText(error, spec));
  }
  if (error instanceof RangeError) return launchFailure(spec, 'EINVAL');
  if (error instanceof ShimLostError) {
    return new LaunchError(`fork/exec ${spec.file}: ${error.message}`, 'EAGAIN');
  }
  return error;
}

/** The step that failed, with what it was about where the step alone does not tell. */
function stepText({ step, detail }: SpawnFailedError, spec: LaunchSpec): string {
  if (step === 'cwd') return `working directory ${spec.cwd ?? ''}`;
  if (step !== 'limit') return step;
  const limit = Object.entries(LIMIT_RESOURCE).find(([, resource]) => resource === detail);
  return `limit ${limit?.[0] ?? detail}`;
}

async function writeStdin(child: ShimChild, bytes: Buffer): Promise<void> {
  try {
    await child.write(bytes);
  } catch (error) {
    throw new LaunchError(error instanceof Error ? error.message : String(error), 'EPIPE');
  }
}
