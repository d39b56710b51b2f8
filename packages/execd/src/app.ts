import { listen } from '@pod-agent/daemon-kit/http/listen';
import type { Logger } from '@pod-agent/daemon-kit/log';
import { UserWorkers } from './as-user/user-workers.ts';
import { FILE_WORKER_ARGUMENT } from './as-user/worker-command.ts';
import { openCommands } from './command-services.ts';
import type { Config } from './config.ts';
import { createFileServices } from './file-routes.ts';
import type { FileSettings } from './file-routes.ts';
import { accessCheck } from './http/access-token.ts';
import { frontDoor } from './http/front-door.ts';
import { ownProgram } from './os/own-program.ts';
import { privateDirectoryCandidates } from './os/private-directory.ts';
import { execdRoutes } from './routes.ts';

/** How long answers that are under way may take to end at a shutdown. */
const CLOSE_GRACE_MS = 1_000;

/** A running execd. Disposing it ends its commands, then its streams, and removes what it kept. */
export interface App extends AsyncDisposable {
  readonly port: number;
}

/**
 * Builds everything and listens. Rejects with the system's error when the port cannot be bound. `program` is how this
 * program is started again, for file calls as another user.
 */
export async function startApp(
  config: Config,
  environment: Readonly<Record<string, string | undefined>>,
  log: Logger,
  program: readonly string[] = ownProgram(),
): Promise<App> {
  await using stack = new AsyncDisposableStack();
  const directories = privateDirectoryCandidates(config.spoolDirectory || environment['TMPDIR']);
  const commands = stack.use(await openCommands(config, environment, directories, log));
  const fileSettings: FileSettings = {
    directories,
    watchedEntries: config.watchedEntries,
    watchedDirectories: config.watchedDirectories,
    ...(config.filesRoot ? { root: config.filesRoot } : {}),
  };
  const files = createFileServices(fileSettings, environment);
  files.staging.sweep();
  const workers = new UserWorkers({
    program: [...program, FILE_WORKER_ARGUMENT],
    settings: [JSON.stringify(fileSettings)],
    environment,
    directories,
    log,
  });
  const routes = execdRoutes({
    capabilities: commands.capabilities,
    commands: commands.services,
    files,
    workers,
  });
  const listener = stack.use(
    await listen(
      { host: config.host, port: config.port, graceMs: CLOSE_GRACE_MS },
      frontDoor({ routes, checkAccess: accessCheck(config.accessToken), log }),
    ),
  );
  // Ended before the connections are waited for: their streams then come to their end.
  stack.use(files);
  stack.use(workers);
  stack.use(commands.services.registry);
  stack.defer(() => listener.stopAccepting());
  const owned = stack.move();
  return { port: listener.port, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
