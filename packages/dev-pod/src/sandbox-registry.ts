import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { Logger } from '@pod-agent/daemon-kit/log';
import { ServiceError } from '@pod-agent/daemon-kit/service-error';
import { ExecdStartError } from './os/execd-process.ts';
import type { ExecdLauncher, ExecdProcess } from './os/execd-process.ts';
import { makeExecdDirectories, removeDirectory } from './os/scratch-directory.ts';
import { Sandbox } from './sandbox.ts';
import type { CreateSandboxRequest } from './schema.ts';

/** setTimeout takes no more; a later expiry is waited for in steps. */
const LONGEST_TIMER_MS = 2_147_483_647;

/** What the registry starts sandboxes with. */
export interface SandboxSurroundings {
  readonly launcher: ExecdLauncher;
  /** Existing directory that holds those of the sandboxes. */
  readonly directory: string;
  /** What every sandbox inherits. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Takes the log lines of a sandbox's execd. */
  readonly onLogLine: (id: string, line: string) => void;
  readonly log: Logger;
}

/** The sandboxes that there are, by id; ends them when they expire. Disposing it ends all. */
export class SandboxRegistry implements AsyncDisposable {
  readonly #surroundings: SandboxSurroundings;
  readonly #sandboxes = new Map<string, Sandbox>();
  readonly #timers = new Map<string, NodeJS.Timeout>();
  readonly #starting = new Set<Promise<unknown>>();
  #closed = false;

  constructor(surroundings: SandboxSurroundings) {
    this.#surroundings = surroundings;
  }

  /** Starts a sandbox; resolves when its execd answers. */
  async create(request: CreateSandboxRequest): Promise<Sandbox> {
    const starting = this.#start(request);
    this.#starting.add(starting);
    try {
      return await starting;
    } finally {
      this.#starting.delete(starting);
    }
  }

  /** Throws `not-found` for an unknown id. */
  require(id: string): Sandbox {
    const sandbox = this.#sandboxes.get(id);
    if (sandbox) return sandbox;
    throw new ServiceError('not-found', 'SANDBOX_NOT_FOUND', `sandbox not found: ${id}`);
  }

  /** Newest first. */
  list(): Sandbox[] {
    return [...this.#sandboxes.values()].toReversed();
  }

  /** Moves the expiry of a sandbox. */
  renew(id: string, expiresAt: Date): Sandbox {
    const sandbox = this.require(id);
    sandbox.renewUntil(expiresAt);
    this.#watchExpiry(sandbox);
    return sandbox;
  }

  /** Ends a sandbox; when this resolves, nothing is left of it. */
  async delete(id: string): Promise<void> {
    await this.#end(this.require(id), 'user_delete');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await Promise.allSettled(this.#starting);
    await Promise.all(this.list().map((sandbox) => this.#end(sandbox, 'shutdown')));
  }

  async #start(request: CreateSandboxRequest): Promise<Sandbox> {
    this.#refuseWhenClosed();
    const id = randomUUID();
    const directory = join(this.#surroundings.directory, id);
    try {
      const execd = await this.#startExecd(id, directory, request.env);
      const sandbox = new Sandbox(id, request, { execd, removeDirectory: () => removeDirectory(directory) });
      this.#sandboxes.set(id, sandbox);
      this.#watchExpiry(sandbox);
      return sandbox;
    } catch (error) {
      await removeDirectory(directory);
      throw error instanceof ExecdStartError
        ? new ServiceError('internal', 'RUNTIME_ERROR', error.message, { cause: error })
        : error;
    }
  }

  async #startExecd(
    id: string,
    directory: string,
    env: Readonly<Record<string, string>>,
  ): Promise<ExecdProcess> {
    const { launcher, environment, onLogLine } = this.#surroundings;
    const { work, temporary } = await makeExecdDirectories(directory);
    return await launcher.start({
      cwd: work,
      environment: { ...environment, TMPDIR: temporary, ...env },
      port: 0,
      onLogLine: (line) => onLogLine(id, line),
    });
  }

  #refuseWhenClosed(): void {
    if (this.#closed)
      throw new ServiceError('unavailable', 'SERVICE_UNAVAILABLE', 'dev-pod is shutting down');
  }

  #watchExpiry(sandbox: Sandbox): void {
    this.#forgetExpiry(sandbox);
    if (!sandbox.expiresAt) return;
    const leftMs = sandbox.expiresAt.getTime() - Date.now();
    const timer = setTimeout(
      () => {
        if (leftMs > LONGEST_TIMER_MS) this.#watchExpiry(sandbox);
        else void this.#expire(sandbox);
      },
      Math.min(leftMs, LONGEST_TIMER_MS),
    );
    this.#timers.set(sandbox.id, timer);
  }

  #forgetExpiry({ id }: Sandbox): void {
    clearTimeout(this.#timers.get(id));
    this.#timers.delete(id);
  }

  async #expire(sandbox: Sandbox): Promise<void> {
    const log = this.#surroundings.log.child({ sandbox: sandbox.id });
    try {
      await this.#end(sandbox, 'ttl_expiry');
      log.info('sandbox expired');
    } catch (error) {
      log.error('an expired sandbox could not be ended', { error });
    }
  }

  async #end(sandbox: Sandbox, reason: Parameters<Sandbox['end']>[0]): Promise<void> {
    this.#forgetExpiry(sandbox);
    await sandbox.end(reason);
    this.#sandboxes.delete(sandbox.id);
  }
}
