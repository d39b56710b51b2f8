import { randomUUID } from 'node:crypto';
import { ServiceError } from '@pod-agent/daemon-kit/service-error';
import type { Outcome } from '../execution/outcome.ts';
import type { OutputSpace } from '../output/output-space.ts';
import { ProcessOutput } from '../output/process-output.ts';
import type { ResumedOutput } from '../output/resumed-output.ts';
import type { CommandRecord } from './command-record.ts';
import { Command } from './command.ts';
import type { CommandRequest } from './schema.ts';

export interface RetentionOptions {
  /** How long a finished command is kept, ms. */
  retentionMs: number;
  /** How many finished commands are kept. */
  retainedCommands: number;
}

/** From TERM to KILL for the commands that run when the daemon ends, ms. */
const SHUTDOWN_GRACE_MS = 2_000;

/** id → command: the running ones, and the finished ones until their time, number or room is up. */
export class CommandRegistry implements AsyncDisposable {
  readonly #space: OutputSpace;
  readonly #retention: RetentionOptions;
  readonly #commands = new Map<string, Command>();
  /** Oldest first. */
  readonly #finished = new Set<Command>();
  readonly #keys = new Map<string, { fingerprint: string; command: Command }>();
  readonly #keyOf = new Map<Command, string>();
  #expiry: NodeJS.Timeout | undefined;

  constructor(space: OutputSpace, retention: RetentionOptions) {
    this.#space = space;
    this.#retention = retention;
  }

  /** A command with a new id: 32 lower-case hex digits (contract §2.2). */
  create(request: CommandRequest): Command {
    const id = randomUUID().replaceAll('-', '');
    const log = this.#space.createLog(id, () => this.#forget(command));
    const command = new Command(id, request, new ProcessOutput(log));
    return this.#register(command);
  }

  /** A command that an earlier daemon started, and what there is of its output. Undefined when the id is known. */
  restore({ id, request, startedAt, key }: CommandRecord, past: ResumedOutput): Command | undefined {
    if (this.#commands.has(id)) return undefined;
    const log = this.#space.createLog(id, () => this.#forget(command), past.log);
    const command = new Command(id, request, new ProcessOutput(log, past.output), startedAt);
    if (key) this.rememberKey(key.name, key.fingerprint, command);
    return this.#register(command);
  }

  /** The command of that id, marked as used; undefined when there is none (any more). */
  find(id: string): Command | undefined {
    const command = this.#commands.get(id);
    if (command) this.#space.touch(command.log);
    return command;
  }

  /** As `find`, but throws not-found. */
  get(id: string): Command {
    const command = this.find(id);
    if (command) return command;
    throw new ServiceError('not-found', 'COMMAND_NOT_FOUND', `command not found: ${id}`);
  }

  /** Newest first. */
  list(): Command[] {
    return [...this.#commands.values()].reverse();
  }

  /**
   * The command that was started with this key. Throws a conflict when it was started from another request: the key
   * then stands for something else than the caller thinks.
   */
  findByKey(key: string, fingerprint: string): Command | undefined {
    const known = this.#keys.get(key);
    if (known && known.fingerprint !== fingerprint) {
      const message = 'Idempotency-Key was used before with another request body';
      throw new ServiceError('conflict', 'IDEMPOTENCY_KEY_REUSED', message);
    }
    return known?.command;
  }

  /** Remembers what the key started, for as long as the command is kept. */
  rememberKey(key: string, fingerprint: string, command: Command): void {
    this.#keys.set(key, { fingerprint, command });
    this.#keyOf.set(command, key);
  }

  /** Ends the running commands and forgets everything. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#expiry);
    const commands = [...this.#commands.values()];
    await Promise.all(commands.map((command) => command.interrupt({ by: 'shutdown' }, SHUTDOWN_GRACE_MS)));
    for (const command of commands) await this.#forget(command);
  }

  #register(command: Command): Command {
    this.#commands.set(command.id, command);
    void command.ended.then(() => this.#retire(command));
    return command;
  }

  #retire(command: Command): void {
    if (command.ending && leavesNoRecord(command.ending.outcome, command)) {
      void this.#forget(command);
      return;
    }
    this.#finished.add(command);
    const [oldest] = this.#finished;
    if (oldest && this.#finished.size > this.#retention.retainedCommands) void this.#forget(oldest);
    this.#scheduleExpiry();
  }

  async #forget(command: Command): Promise<void> {
    this.#commands.delete(command.id);
    this.#finished.delete(command);
    this.#keys.delete(this.#keyOf.get(command) ?? '');
    this.#keyOf.delete(command);
    this.#space.release(command.log);
    await command.log[Symbol.asyncDispose]();
  }

  /** One timer for the oldest; the next one is set when it fires. */
  #scheduleExpiry(): void {
    const [oldest] = this.#finished;
    if (this.#expiry || !oldest?.ending) return;
    const left = oldest.ending.endedAt + this.#retention.retentionMs - Date.now();
    this.#expiry = setTimeout(
      () => {
        this.#expiry = undefined;
        this.#forgetExpired();
        this.#scheduleExpiry();
      },
      Math.min(Math.max(left, 1_000), 2 ** 31 - 1),
    );
    this.#expiry.unref();
  }

  #forgetExpired(): void {
    const before = Date.now() - this.#retention.retentionMs;
    for (const command of this.#finished) {
      if ((command.ending?.endedAt ?? 0) > before) return;
      void this.#forget(command);
    }
  }
}

/** A foreground command that never started (contract §3.1), and one whose request was refused for want of room. */
function leavesNoRecord(outcome: Outcome, { request }: Command): boolean {
  return outcome.kind === 'failed-to-start' && (!request.background || outcome.exhausted);
}
