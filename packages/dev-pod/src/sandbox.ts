import { ServiceError } from '@pod-agent/daemon-kit/service-error';
import type { ExecdProcess } from './os/execd-process.ts';
import type { CreateSandboxRequest, SandboxInfo, SandboxState } from './schema.ts';

/** What a sandbox needs from its surroundings. */
export interface SandboxParts {
  readonly execd: ExecdProcess;
  /** Removes what the sandbox kept on disk. */
  readonly removeDirectory: () => Promise<void>;
}

/** One execd with its directory, what the client said about it, and its state. */
export class Sandbox {
  readonly id: string;
  readonly createdAt = new Date();
  readonly #request: CreateSandboxRequest;
  readonly #parts: SandboxParts;
  #metadata: Readonly<Record<string, string>>;
  #expiresAt: Date | undefined;
  #status: SandboxInfo['status'];
  #ending: Promise<void> | undefined;

  /** The sandbox is running; when its execd ends by itself, it has failed. */
  constructor(id: string, request: CreateSandboxRequest, parts: SandboxParts) {
    this.id = id;
    this.#request = request;
    this.#parts = parts;
    this.#metadata = request.metadata;
    this.#expiresAt =
      request.timeoutMs === undefined ? undefined : new Date(this.createdAt.getTime() + request.timeoutMs);
    this.#status = statusNow('Running', 'execd_ready');
    void this.#failWhenExecdEnds();
  }

  get state(): SandboxState {
    return this.#status.state;
  }

  /** When the sandbox is to be ended; undefined for never. */
  get expiresAt(): Date | undefined {
    return this.#expiresAt;
  }

  get metadata(): Readonly<Record<string, string>> {
    return this.#metadata;
  }

  /** Port of its execd. Throws a conflict unless it is running. */
  get execdPort(): number {
    this.#requireRunning();
    return this.#parts.execd.port;
  }

  /** Moves the expiry. Throws unless the sandbox is running and the time is to come. */
  renewUntil(expiresAt: Date): void {
    this.#requireRunning();
    if (expiresAt.getTime() <= Date.now()) {
      throw new ServiceError('invalid-argument', 'INVALID_REQUEST', 'expiresAt must be in the future');
    }
    this.#expiresAt = expiresAt;
  }

  /** Sets the keys of the patch; null removes one. */
  patchMetadata(patch: Readonly<Record<string, string | null>>): void {
    const merged = Object.entries({ ...this.#metadata, ...patch });
    this.#metadata = Object.fromEntries(
      merged.filter((entry): entry is [string, string] => entry[1] !== null),
    );
  }

  /** Ends execd and removes its directory; resolves when both are gone. Ending it again waits for the same end. */
  end(reason: 'user_delete' | 'ttl_expiry' | 'shutdown'): Promise<void> {
    this.#ending ??= this.#end(reason);
    return this.#ending;
  }

  /** What clients are told. */
  info(): SandboxInfo {
    const { imageUri, entrypoint, extensions } = this.#request;
    return {
      id: this.id,
      ...(imageUri === undefined ? {} : { image: { uri: imageUri } }),
      status: this.#status,
      metadata: this.#metadata,
      extensions,
      entrypoint,
      createdAt: this.createdAt.toISOString(),
      ...(this.#expiresAt === undefined ? {} : { expiresAt: this.#expiresAt.toISOString() }),
    };
  }

  async #failWhenExecdEnds(): Promise<void> {
    const how = await this.#parts.execd.ended;
    if (this.state === 'Running') this.#status = statusNow('Failed', 'runtime_error', `execd ended: ${how}`);
  }

  async #end(reason: string): Promise<void> {
    this.#status = statusNow('Stopping', reason);
    await this.#parts.execd.end();
    await this.#parts.removeDirectory();
    this.#status = statusNow('Terminated', reason);
  }

  #requireRunning(): void {
    if (this.state === 'Running') return;
    const message = `sandbox ${this.id} is not running: ${this.state}`;
    throw new ServiceError('conflict', 'SANDBOX_NOT_RUNNING', message);
  }
}

function statusNow(state: SandboxState, reason: string, message?: string): SandboxInfo['status'] {
  return {
    state,
    reason,
    ...(message === undefined ? {} : { message }),
    lastTransitionAt: new Date().toISOString(),
  };
}
