import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { openExchange } from '@pod-agent/daemon-kit/http/exchange';
import { expressApp } from '@pod-agent/daemon-kit/http/express-app';
import { listen } from '@pod-agent/daemon-kit/http/listen';
import type { HttpListener } from '@pod-agent/daemon-kit/http/listen';
import type { Logger } from '@pod-agent/daemon-kit/log';
import type { Config } from './config.ts';
import { ExecdStartError } from './os/execd-process.ts';
import type { ExecdLauncher, ExecdProcess } from './os/execd-process.ts';
import { makeExecdDirectories } from './os/scratch-directory.ts';
import { lifecycleRoutes } from './routes.ts';
import { SandboxRegistry } from './sandbox-registry.ts';

const HOST = '127.0.0.1';
/** How long answers that are under way may take to end at a shutdown, ms. */
const CLOSE_GRACE_MS = 1_000;
/** Directory and log name of the execd that runs from the start. */
const FIRST_EXECD = 'execd';

/** What the app works with; its owner cleans up behind it. */
export interface AppParts {
  readonly launcher: ExecdLauncher;
  /** Existing directory for everything that is kept on disk. */
  readonly directory: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Takes the log lines of execd, which is `execd` or the id of a sandbox. */
  readonly onExecdLogLine: (name: string, line: string) => void;
  readonly log: Logger;
}

/** A running dev-pod. Disposing it ends every execd, then the lifecycle endpoint. */
export interface App extends AsyncDisposable {
  /** Port of the lifecycle endpoint. */
  readonly port: number;
  readonly execdPort: number;
  /** Resolves with the reason when the first execd ends, asked to or not. */
  readonly execdEnded: Promise<string>;
}

/** dev-pod cannot start, as one readable line. */
export class StartError extends Error {
  override readonly name = 'StartError';
}

/** Listens and starts execd. Rejects with a StartError; nothing is left running then. */
export async function startApp(config: Config, parts: AppParts): Promise<App> {
  await using stack = new AsyncDisposableStack();
  const registry = new SandboxRegistry({ ...parts, onLogLine: parts.onExecdLogLine });
  const listener = stack.use(await listenFor(config.port, registry, parts.log));
  await requireFreePort(config.execdPort);
  const execd = await startFirstExecd(config.execdPort, parts);
  stack.defer(() => execd.end());
  stack.use(registry);
  stack.defer(() => listener.stopAccepting());
  const owned = stack.move();
  return {
    port: listener.port,
    execdPort: execd.port,
    execdEnded: execd.ended,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function listenFor(port: number, registry: SandboxRegistry, log: Logger): Promise<HttpListener> {
  const serve = expressApp(lifecycleRoutes(registry));
  try {
    return await listen({ host: HOST, port, graceMs: CLOSE_GRACE_MS }, (request, response) =>
      serve(openExchange(request, response, log)),
    );
  } catch (error) {
    throw portError(port, '--port', error);
  }
}

/** execd could say that its port is taken only in its log, and without the name of our flag. */
async function requireFreePort(port: number): Promise<void> {
  const probe = createServer();
  probe.listen({ host: HOST, port });
  try {
    await once(probe, 'listening');
  } catch (error) {
    throw portError(port, '--execd-port', error);
  }
  probe.close();
  await once(probe, 'close');
}

async function startFirstExecd(port: number, parts: AppParts): Promise<ExecdProcess> {
  const { work, temporary } = await makeExecdDirectories(join(parts.directory, FIRST_EXECD));
  try {
    return await parts.launcher.start({
      cwd: work,
      environment: { ...parts.environment, TMPDIR: temporary },
      port,
      onLogLine: (line) => parts.onExecdLogLine(FIRST_EXECD, line),
    });
  } catch (error) {
    throw error instanceof ExecdStartError ? new StartError(error.message, { cause: error }) : error;
  }
}

function portError(port: number, flag: string, error: unknown): StartError {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  const reason = code === 'EADDRINUSE' ? 'is in use' : `cannot be used (${String(code ?? error)})`;
  return new StartError(`port ${port} ${reason}; choose another one with ${flag}`, { cause: error });
}
