import { resolve } from 'node:path';
import type { Logger } from '@pod-agent/daemon-kit/log';
import { groupsOf, homeOf } from '../os/accounts.ts';
import type { Identity } from '../os/identity.ts';
import { PrivateDirectory } from '../os/private-directory.ts';
import { missingCapabilities } from '../os/user-identity.ts';
import type { UserIdentity } from '../os/user-identity.ts';
import { UserWorker, notPermitted, unavailable } from './user-worker.ts';
import { workerEnvironment } from './worker-environment.ts';

/** How many workers there are, and how long they and those who want one wait. */
export interface UserWorkerLimits {
  /** Processes, those that are ending included. */
  readonly workers: number;
  /** A worker without requests for this long is ended, ms. */
  readonly idleMs: number;
  /** Requests that wait for one of the workers of others to become idle; more are refused. */
  readonly waiting: number;
  /** How long such a request waits before it is refused, ms. */
  readonly waitMs: number;
}

const LIMITS: UserWorkerLimits = { workers: 4, idleMs: 30_000, waiting: 64, waitMs: 10_000 };

/** `sun_path` of a Unix socket, without the NUL at its end (unix(7)). */
const SOCKET_PATH_BYTES = 107;
/** What PrivateDirectory and the name of a socket add to a candidate, at the most. */
const ADDED_BYTES = 48;

export interface UserWorkersOptions {
  /** The command line of a worker. */
  readonly program: readonly string[];
  /** Arguments that tell it what it has to know of the configuration. */
  readonly settings?: readonly string[];
  /** The daemon's environment. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Where the sockets may be, best first; directories with too long a path are passed over. */
  readonly directories: readonly string[];
  readonly log: Logger;
  readonly limits?: Partial<UserWorkerLimits>;
}

/** A worker in use. Disposing gives it back. */
export interface WorkerLease extends Disposable {
  readonly worker: UserWorker;
  /** It cannot be reached: the next who asks gets another one. */
  giveUp(): void;
}

/**
 * Processes that run as other users, one for each identity, started when first needed and ended when idle. When there
 * are as many as there may be, the one that is idle longest makes room. Disposing ends all and waits until they are
 * gone.
 */
export class UserWorkers implements AsyncDisposable {
  readonly #options: UserWorkersOptions;
  readonly #limits: UserWorkerLimits;
  readonly #directory: PrivateDirectory | undefined;
  /** Those that take requests, by what they were started for. */
  readonly #usable = new Map<string, UserWorker>();
  /** Usable ones without a request, idle longest first, with the timers that end them. */
  readonly #idle = new Map<UserWorker, NodeJS.Timeout>();
  readonly #ending = new Set<UserWorker>();
  readonly #alive = new Set<UserWorker>();
  #waiting: Want[] = [];
  #started = 0;
  #disposed = false;

  constructor(options: UserWorkersOptions) {
    this.#options = options;
    this.#limits = { ...LIMITS, ...options.limits };
    const candidates = options.directories
      .map((path) => resolve(path))
      .filter((path) => Buffer.byteLength(path) <= SOCKET_PATH_BYTES - ADDED_BYTES);
    if (candidates.length > 0) this.#directory = new PrivateDirectory(candidates);
  }

  /**
   * A worker of that identity, which serves. Rejects with 403 when execd cannot act as it, with 503 when no worker is
   * free in time or comes up, and with the signal's reason when that is aborted while waiting.
   */
  async borrow(identity: Identity, signal: AbortSignal): Promise<WorkerLease> {
    const lease = await this.#lease({ ...identity, groups: groupsOf(identity.uid) }, signal);
    try {
      await lease.worker.ready;
      return lease;
    } catch (error) {
      lease[Symbol.dispose]();
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true;
    for (const want of this.#waiting) want.reject(stopping());
    this.#waiting = [];
    const alive = [...this.#alive];
    for (const worker of alive) this.#end(worker);
    await Promise.all(alive.map(({ ended }) => ended));
    await this.#directory?.[Symbol.asyncDispose]();
  }

  async #lease(identity: UserIdentity, signal: AbortSignal): Promise<WorkerLease> {
    // Whoever joins a group or moves its home gets a worker that knows.
    const key = JSON.stringify([identity, homeOf(identity.uid)]);
    const usable = this.#usable.get(key);
    if (usable) return this.#lend(usable);
    const missing = missingCapabilities(identity);
    if (missing.length > 0) throw notPermitted(identity, `it lacks ${missing.join(' and ')}`);
    const directory = await this.#socketDirectory();
    const want: Want = { ...Promise.withResolvers<WorkerLease>(), key, identity, directory };
    if (!this.#satisfy(want)) await this.#wait(want, signal);
    return want.promise;
  }

  async #socketDirectory(): Promise<string> {
    if (this.#disposed) throw stopping();
    if (!this.#directory)
      throw unavailable(`no directory for the socket of a file worker: all paths are too long for a socket`);
    try {
      return await this.#directory.ensure();
    } catch (error) {
      throw unavailable(`no directory for the socket of a file worker: ${String(error)}`, error);
    }
  }

  /** Whether the want was answered: by a worker that there is, by a new one, or by why it cannot be started. */
  #satisfy(want: Want): boolean {
    try {
      if (this.#disposed) throw stopping();
      const usable = this.#usable.get(want.key);
      if (!usable && this.#alive.size >= this.#limits.workers) return false;
      want.resolve(this.#lend(usable ?? this.#start(want)));
    } catch (error) {
      want.reject(error);
    }
    return true;
  }

  async #wait(want: Want, signal: AbortSignal): Promise<void> {
    if (this.#waiting.length >= this.#limits.waiting)
      throw unavailable('too many requests wait for a file worker');
    signal.throwIfAborted();
    this.#waiting.push(want);
    const leave = (reason: unknown) => {
      this.#waiting = this.#waiting.filter((other) => other !== want);
      want.reject(reason);
    };
    const left = () => leave(signal.reason);
    signal.addEventListener('abort', left, { once: true });
    const { workers, waitMs } = this.#limits;
    using _limit = setTimeout(
      () => leave(unavailable(`all ${workers} file workers are busy for other users`)),
      waitMs,
    );
    this.#makeRoom();
    try {
      await want.promise;
    } finally {
      signal.removeEventListener('abort', left);
    }
  }

  /** Answers who waits, first come first served, and ends an idle worker for each identity that is still without. */
  #makeRoom(): void {
    this.#waiting = this.#waiting.filter((want) => !this.#satisfy(want));
    const wanted = new Set(this.#waiting.map(({ key }) => key)).size;
    const surplus = Math.max(0, wanted - this.#ending.size);
    for (const worker of [...this.#idle.keys()].slice(0, surplus)) this.#end(worker);
  }

  #start({ key, identity, directory }: Want): UserWorker {
    const { program, settings = [], environment, log } = this.#options;
    const { uid, gid } = identity;
    this.#started += 1;
    const worker = new UserWorker({
      key,
      program,
      settings,
      environment: workerEnvironment(environment, identity.uid),
      identity,
      socketPath: `${directory}/${this.#started}.sock`,
      onComplaint: (pid, text) => log.warn('a file worker reports', { uid, gid, pid, text }),
    });
    this.#alive.add(worker);
    this.#usable.set(key, worker);
    worker.ready.then(
      () => log.debug('file worker started', { uid, gid }),
      () => this.#retire(worker),
    );
    void worker.ended.then((ending) => {
      if (!this.#ending.has(worker)) log.warn('a file worker ended by itself', { uid, gid, ending });
      this.#retire(worker);
      this.#alive.delete(worker);
      this.#ending.delete(worker);
      this.#makeRoom();
    });
    return worker;
  }

  #lend(worker: UserWorker): WorkerLease {
    clearTimeout(this.#idle.get(worker));
    this.#idle.delete(worker);
    worker.running += 1;
    let returned = false;
    return {
      worker,
      giveUp: () => this.#retire(worker),
      [Symbol.dispose]: () => {
        if (returned) return;
        returned = true;
        worker.running -= 1;
        if (worker.running === 0) this.#rest(worker);
      },
    };
  }

  #rest(worker: UserWorker): void {
    if (this.#usable.get(worker.key) !== worker) {
      this.#end(worker);
      return;
    }
    const timer = setTimeout(() => this.#end(worker), this.#limits.idleMs);
    this.#idle.set(worker, timer.unref());
    this.#makeRoom();
  }

  /** Takes no more requests; those that run go on. */
  #retire(worker: UserWorker): void {
    if (this.#usable.get(worker.key) === worker) this.#usable.delete(worker.key);
    if (worker.running === 0) this.#end(worker);
  }

  #end(worker: UserWorker): void {
    if (this.#usable.get(worker.key) === worker) this.#usable.delete(worker.key);
    clearTimeout(this.#idle.get(worker));
    this.#idle.delete(worker);
    if (!this.#alive.has(worker)) return;
    this.#ending.add(worker);
    void worker.end();
  }
}

/** A request that needs a worker. */
interface Want extends PromiseWithResolvers<WorkerLease> {
  readonly key: string;
  readonly identity: UserIdentity;
  readonly directory: string;
}

function stopping(): Error {
  return unavailable('execd is ending');
}
