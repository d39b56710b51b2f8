import type { Logger } from '@pod-agent/daemon-kit/log';
import { ChildProcessLauncher } from './child-process-launcher.ts';
import type { Environment } from './environment.ts';
import { MemoryKills } from './memory-kills.ts';
import { childOomScoreAdjustment } from './oom-score.ts';
import type { PrivateDirectory } from './private-directory.ts';
import type { LaunchedProcess, OutputSink, ProcessLauncher } from './process-launcher.ts';
import { ShimHost } from './shim-host.ts';
import type { InheritedShim } from './shim-host.ts';
import { ShimLauncher } from './shim-launcher.ts';
import { findShim } from './shim-program.ts';

/** Which way of starting processes is wanted; `auto` takes the shim where there is one. */
type LauncherChoice = 'auto' | 'shim' | 'child-process';

export interface LauncherSettings {
  readonly choice: LauncherChoice;
  /** The shim's binary; empty to look for it. */
  readonly shimProgram: string;
  readonly directory: PrivateDirectory;
  /** Where private directories of daemons may stand. */
  readonly candidates: readonly string[];
  /** What this daemon serves: the next one with the same takes over its processes. */
  readonly owner: string | undefined;
  /** The daemon's own, without secrets. */
  readonly environment: Environment;
  readonly log: Logger;
}

/** Who goes on with a process that the daemon before this one started. */
interface Successor {
  /** The value of its EXECUTION_COOKIE. */
  readonly cookie: string;
  readonly sink: OutputSink;
  follow(process: LaunchedProcess): void;
}

/** What is known of such a process. */
export interface Inheritance {
  readonly label: string;
  /** So many bytes of each stream are not repeated. */
  readonly dropped: { readonly stdout: number; readonly stderr: number };
  /** The private directory of the daemon before, which is this one's now. */
  readonly directory: string;
}

/** Finds who goes on with a process. Undefined for one that nobody knows: it is left alone. Never rejects. */
export type Succession = (inheritance: Inheritance) => Promise<Successor | undefined>;

/** The launcher that is in force, and why. */
export interface SelectedLauncher extends AsyncDisposable {
  readonly launcher: ProcessLauncher;
  readonly kind: 'shim' | 'child_process';
  readonly reason: string;
  /** Of the shim; changes when it had to be started again. */
  pid(): number | undefined;
}

/**
 * Opens the launcher that was chosen, or child_process where the shim cannot be had. Processes of the daemon before this
 * one are handed to their successors. Never rejects.
 */
export async function selectLauncher(
  settings: LauncherSettings,
  succession: Succession,
): Promise<SelectedLauncher> {
  if (settings.choice === 'child-process') return fallback('it was asked for');
  const program = settings.shimProgram || findShim();
  if (program === undefined)
    return withWarning(settings.log, 'there is no native launcher for this platform');
  try {
    return await openShim({ ...settings, program }, succession);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return withWarning(settings.log, `the native launcher ${program} does not work: ${reason}`);
  }
}

async function openShim(
  settings: LauncherSettings & { readonly program: string },
  succession: Succession,
): Promise<SelectedLauncher> {
  const { log } = settings;
  const host = new ShimHost(settings);
  const inherited = await host.takeOver();
  const connection = inherited?.connection ?? (await host.start());
  const memoryKills = new MemoryKills();
  const launcher = new ShimLauncher(connection, {
    connect: () => host.start(),
    onLost: (reason) => log.error(reason),
    memoryKills,
    oomScoreAdjustment: childOomScoreAdjustment(),
  });
  if (inherited) {
    await handOver(launcher, inherited, succession);
    log.info('commands of an earlier execd taken over', { count: connection.adopted.length });
  }
  return {
    launcher,
    kind: 'shim',
    reason: describe(settings, inherited !== undefined),
    pid: () => launcher.shimPid,
    async [Symbol.asyncDispose]() {
      await launcher[Symbol.asyncDispose]();
      memoryKills[Symbol.dispose]();
    },
  };
}

async function handOver(
  launcher: ShimLauncher,
  { connection, held, directory }: InheritedShim,
  succession: Succession,
): Promise<void> {
  for (const [index, { child, pid, label, dropped }] of connection.adopted.entries()) {
    const successor = await succession({ label: label.toString(), dropped, directory });
    if (successor) {
      held[index]?.passOn(successor.sink);
      successor.follow(launcher.adopt(child, pid, successor.cookie));
    } else {
      held[index]?.passOn(() => undefined);
      child.release();
    }
  }
}

function describe({ choice }: LauncherSettings, isInherited: boolean): string {
  if (isInherited) return 'it was taken over from an earlier execd';
  return choice === 'shim' ? 'it was asked for' : 'it is there and works';
}

function withWarning(log: Logger, reason: string): SelectedLauncher {
  log.warn('commands are started with child_process', { reason });
  return fallback(reason);
}

function fallback(reason: string): SelectedLauncher {
  const launcher = new ChildProcessLauncher();
  return {
    launcher,
    kind: 'child_process',
    reason,
    pid: () => undefined,
    [Symbol.asyncDispose]: () => launcher[Symbol.asyncDispose](),
  };
}
