import { LAUNCHERS } from './launcher.ts';
import type { Launcher } from './launcher.ts';
import type { RunSettings } from './scenario.ts';
import { startServer } from './server.ts';
import type { ServerUnderTest } from './server.ts';
import { shellEnvironment } from './shell-environment.ts';

/** One server for each launcher that is measured; disposing stops them. */
export interface LauncherServers extends AsyncDisposable {
  /** Throws for a launcher that is not measured. */
  of(launcher: Launcher): ServerUnderTest;
}

/** Starts a server for each launcher, all of them at once: those that are not asked anything take no time. */
export async function startServers(
  { launchers, signal }: Pick<RunSettings, 'launchers' | 'signal'>,
  environment: NodeJS.ProcessEnv,
  ballastMb = 0,
): Promise<LauncherServers> {
  await using starting = new AsyncDisposableStack();
  const servers = new Map<Launcher, ServerUnderTest>();
  for (const launcher of launchers) {
    const server = await startServer(environment, signal, { launcher, ballastMb });
    servers.set(launcher, starting.use(server));
  }
  const started = starting.move();
  return {
    of: (launcher) => {
      const server = servers.get(launcher);
      if (server === undefined) throw new Error(`no server with --launcher ${launcher}`);
      return server;
    },
    [Symbol.asyncDispose]: () => started.disposeAsync(),
  };
}

/** A launcher with which the server does not start. */
export interface MissingLauncher {
  readonly launcher: Launcher;
  readonly reason: string;
}

/** Starts a server with each launcher once, to see which ones it has. */
export async function findLaunchers(
  signal: AbortSignal,
): Promise<{ launchers: readonly Launcher[]; missing: readonly MissingLauncher[] }> {
  await using environment = await shellEnvironment('bash');
  const launchers: Launcher[] = [];
  const missing: MissingLauncher[] = [];
  for (const launcher of LAUNCHERS) {
    try {
      await using _server = await startServer(environment.variables, signal, { launcher });
      launchers.push(launcher);
    } catch (error) {
      signal.throwIfAborted();
      missing.push({ launcher, reason: error instanceof Error ? error.message : String(error) });
    }
  }
  return { launchers, missing };
}
