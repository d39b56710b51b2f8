import type { Logger } from '@pod-agent/daemon-kit/log';
import type { Capabilities } from './capabilities/schema.ts';
import { decodeRecord } from './commands/command-record.ts';
import { CommandRegistry } from './commands/command-registry.ts';
import { CommandRunner } from './commands/command-runner.ts';
import type { CommandServices } from './commands/routes.ts';
import type { Config } from './config.ts';
import { EventMemory } from './execution/event-memory.ts';
import { BaseEnvironment, withoutSecrets } from './os/environment.ts';
import { selectLauncher } from './os/launcher-selection.ts';
import type { Inheritance, SelectedLauncher, Succession } from './os/launcher-selection.ts';
import { PrivateDirectory } from './os/private-directory.ts';
import { findShell } from './os/shell.ts';
import { OutputSpace } from './output/output-space.ts';
import { resumeBehind, resumeFromDisk } from './output/resumed-output.ts';
import { discardOthers, discardOutput, recoverOutput } from './output/spool-recovery.ts';
import { VERSION } from './version.ts';

/** Output of all commands that is kept in memory; the rest is on disk. */
const OUTPUT_MEMORY_BYTES = 8 * 1024 * 1024;

/** What runs commands, and what is below it. Disposing it ends the launcher and removes what was kept, commands last. */
export interface RunningCommands extends AsyncDisposable {
  readonly services: CommandServices;
  readonly capabilities: () => Capabilities;
}

/**
 * Builds what runs commands, and goes on with those of a daemon that was killed. `directories` are the places where
 * output may be kept.
 */
export async function openCommands(
  config: Config,
  environment: Readonly<Record<string, string | undefined>>,
  directories: readonly string[],
  log: Logger,
): Promise<RunningCommands> {
  await using stack = new AsyncDisposableStack();
  const directory = stack.use(new PrivateDirectory(directories));
  const space = new OutputSpace({
    directory,
    retainedBytes: config.outputRetentionBytes,
    backlogBytes: config.outputBacklogBytes,
    memoryBytes: OUTPUT_MEMORY_BYTES,
    onSpoolFailure: (error) =>
      log.error('command output cannot be written to disk; only the newest is kept', { error }),
  });
  const registry = new CommandRegistry(space, {
    retentionMs: config.outputRetentionMs,
    retainedCommands: config.retainedCommands,
  });
  let inheritedFrom: string | undefined;
  const launcher = stack.use(
    await selectLauncher(
      {
        choice: config.launcher,
        shimProgram: config.shimProgram,
        directory,
        candidates: directories,
        owner: serviceName(config),
        environment: withoutSecrets(environment),
        log,
      },
      async (inheritance) => {
        inheritedFrom = inheritance.directory;
        return await goOnWith(registry, inheritance);
      },
    ),
  );
  if (inheritedFrom !== undefined)
    await discardOthers(inheritedFrom, new Set(registry.list().map(({ id }) => id)));
  const shell = findShell(environment['PATH']);
  const runner = new CommandRunner(registry, launcher, new BaseEnvironment(environment, log), shell);
  const owned = stack.move();
  return {
    services: { registry, runner, eventMemory: new EventMemory() },
    capabilities: () => capabilitiesOf(launcher),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** A daemon that listens somewhere by chance is nobody's successor. */
function serviceName({ host, port }: Config): string | undefined {
  return port === 0 ? undefined : `${host}:${port}`;
}

/** A command that the daemon before this one started is this one's, with what there is of its output. */
async function goOnWith(
  registry: CommandRegistry,
  { label, dropped, directory }: Inheritance,
): ReturnType<Succession> {
  const record = decodeRecord(label);
  if (!record) return undefined;
  const onDisk = resumeFromDisk(await recoverOutput(directory, record.id), dropped);
  if (!onDisk) await discardOutput(directory, record.id);
  const command = registry.restore(record, onDisk ?? resumeBehind(dropped));
  return (
    command && {
      cookie: command.id,
      sink: command.output.push,
      follow: (leader) => void command.follow(leader),
    }
  );
}

function capabilitiesOf(selected: SelectedLauncher): Capabilities {
  const { kind, reason, launcher } = selected;
  const shimPid = selected.pid();
  return {
    version: VERSION,
    launcher: {
      in_force: kind,
      reason,
      ...(shimPid === undefined ? {} : { pid: shimPid }),
      features: [...launcher.features],
    },
  };
}
