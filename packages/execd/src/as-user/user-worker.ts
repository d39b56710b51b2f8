import { Agent } from 'node:http';
import { rmSync } from 'node:fs';
import { ServiceError } from '@pod-agent/daemon-kit/service-error';
import type { UserIdentity } from '../os/user-identity.ts';
import { startUserProcess } from '../os/user-process.ts';
import type { UserProcess } from '../os/user-process.ts';
import { READY, REFUSED, orderArguments } from './worker-command.ts';

/** A worker that does not serve after this is given up, ms. */
const START_DEADLINE_MS = 15_000;
/** Connections that wait for the next request. */
const IDLE_CONNECTIONS = 16;

export interface UserWorkerSpec {
  /** What it was started for: workers with the same key can stand in for each other. */
  readonly key: string;
  /** The command line of a worker; socket and identity are put behind it. */
  readonly program: readonly string[];
  /** Arguments behind those: what a worker has to know of the configuration. */
  readonly settings: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly socketPath: string;
  readonly identity: UserIdentity;
  readonly onComplaint: (pid: number | undefined, text: string) => void;
}

/** One process that answers requests as its user, over a Unix socket. Whoever made it ends it. */
export class UserWorker {
  readonly key: string;
  readonly socketPath: string;
  /** Its connections, kept alive between requests. */
  readonly agent = new Agent({ keepAlive: true, maxFreeSockets: IDLE_CONNECTIONS });
  /** Resolves when it serves. Rejects with 403 when it cannot become the user, with 503 when it does not come up. */
  readonly ready: Promise<void>;
  /** Resolves when it is gone, with how it ended in words. */
  readonly ended: Promise<string>;
  /** Requests that it is working on. */
  running = 0;
  readonly #process: UserProcess;
  #ending: Promise<unknown> | undefined;

  /** Starts it. Throws a 503 when the system does not let us. */
  constructor(spec: UserWorkerSpec) {
    this.key = spec.key;
    this.socketPath = spec.socketPath;
    this.#process = start(spec);
    this.ready = this.#becomeReady(spec.identity);
    this.ready.catch(() => undefined);
    this.ended = this.#process.ended.then((ending) => {
      this.agent.destroy();
      removeSocket(this.socketPath);
      return ending;
    });
  }

  /** Closes the connections that nobody uses: after a failure they may lead to a process that is dying. */
  dropIdleConnections(): void {
    for (const sockets of Object.values(this.agent.freeSockets))
      for (const socket of sockets ?? []) socket.destroy();
  }

  /** Asks it to finish and waits until it is gone; after 2 s it is killed. */
  async end(): Promise<void> {
    this.#ending ??= this.#process.end();
    await this.ended;
  }

  async #becomeReady({ uid, gid }: UserIdentity): Promise<void> {
    using _deadline = setTimeout(() => this.#process.kill(), START_DEADLINE_MS);
    let line: string;
    try {
      line = await this.#process.announcement;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw unavailable(`the file worker of uid ${uid} gid ${gid} ended while starting: ${reason}`, error);
    }
    if (line === READY) return;
    void this.end();
    if (!line.startsWith(REFUSED)) throw unavailable(`the file worker of uid ${uid} gid ${gid} said ${line}`);
    throw notPermitted({ uid, gid }, line.slice(REFUSED.length));
  }
}

function start(spec: UserWorkerSpec): UserProcess {
  const { program, settings, environment, socketPath, identity } = spec;
  try {
    const started: UserProcess = startUserProcess({
      program: [...program, ...orderArguments({ socketPath, identity }), ...settings],
      environment,
      onComplaint: (text) => spec.onComplaint(started.pid, text),
    });
    return started;
  } catch (error) {
    throw unavailable(`a file worker cannot be started: ${String(error)}`, error);
  }
}

/** The worker cannot do it itself: the directory is not its user's. */
function removeSocket(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // The directory has become another.
  }
}

/** 403 `PERMISSION_DENIED`, naming both identities. */
export function notPermitted({ uid, gid }: { uid: number; gid: number }, reason: string): ServiceError {
  const own = `uid ${process.geteuid?.()} gid ${process.getegid?.()}`;
  return new ServiceError(
    'permission-denied',
    'PERMISSION_DENIED',
    `execd runs as ${own} and cannot act as uid ${uid} gid ${gid}: ${reason}`,
  );
}

/** 503 `SERVICE_UNAVAILABLE`. */
export function unavailable(message: string, cause?: unknown): ServiceError {
  return new ServiceError('unavailable', 'SERVICE_UNAVAILABLE', message, { cause });
}
