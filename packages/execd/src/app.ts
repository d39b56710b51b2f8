import { listen } from '@pod-agent/daemon-kit/http/listen';
import type { Logger } from '@pod-agent/daemon-kit/log';
import { CommandRegistry } from './commands/command-registry.ts';
import { CommandRunner } from './commands/command-runner.ts';
import type { Config } from './config.ts';
import { EventMemory } from './execution/event-memory.ts';
import { FilePaths } from './filesystem/file-paths.ts';
import { accessCheck } from './http/access-token.ts';
import { frontDoor } from './http/front-door.ts';
import { ChildProcessLauncher } from './os/child-process-launcher.ts';
import { BaseEnvironment } from './os/environment.ts';
import { PrivateDirectory, privateDirectoryCandidates } from './os/private-directory.ts';
import { findShell } from './os/shell.ts';
import { OutputSpace } from './output/output-space.ts';
import { execdRoutes } from './routes.ts';

/** Output of all commands that is kept in memory; the rest is on disk. */
const OUTPUT_MEMORY_BYTES = 8 * 1024 * 1024;
/** How long answers that are under way may take to end at a shutdown. */
const CLOSE_GRACE_MS = 1_000;

/** A running execd. Disposing it ends its commands, then its streams, and removes what it kept. */
export interface App extends AsyncDisposable {
  readonly port: number;
}

/** Builds everything and listens. Rejects with the system's error when the port cannot be bound. */
export async function startApp(
  config: Config,
  environment: Readonly<Record<string, string | undefined>>,
  log: Logger,
): Promise<App> {
  await using stack = new AsyncDisposableStack();
  const directory = stack.use(
    new PrivateDirectory(privateDirectoryCandidates(config.spoolDirectory || environment['TMPDIR'])),
  );
  const space = new OutputSpace({
    directory,
    retainedBytes: config.outputRetentionBytes,
    backlogBytes: config.outputBacklogBytes,
    memoryBytes: OUTPUT_MEMORY_BYTES,
    onSpoolFailure: (error) =>
      log.error('command output cannot be written to disk; only the newest is kept', { error }),
  });
  const launcher = stack.use(new ChildProcessLauncher());
  const registry = new CommandRegistry(space, {
    retentionMs: config.outputRetentionMs,
    retainedCommands: config.retainedCommands,
  });
  const shell = findShell(environment['PATH']);
  const runner = new CommandRunner(registry, launcher, new BaseEnvironment(environment, log), shell);
  const routes = execdRoutes({
    registry,
    runner,
    eventMemory: new EventMemory(),
    paths: new FilePaths(environment),
  });
  const listener = stack.use(
    await listen(
      { host: config.host, port: config.port, graceMs: CLOSE_GRACE_MS },
      frontDoor({ routes, checkAccess: accessCheck(config.accessToken), log }),
    ),
  );
  // Ended before the connections are waited for: their streams then come to their end.
  stack.use(registry);
  stack.defer(() => listener.stopAccepting());
  const owned = stack.move();
  return { port: listener.port, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
