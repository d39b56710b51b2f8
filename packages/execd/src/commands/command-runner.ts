import { createHash } from 'node:crypto';
import { ServiceError } from '@pod-agent/daemon-kit/service-error';
import type { BaseEnvironment } from '../os/environment.ts';
import type { ProcessLauncher } from '../os/process-launcher.ts';
import type { CommandRegistry } from './command-registry.ts';
import type { Command } from './command.ts';
import { launchSpec, planLaunch } from './launch-plan.ts';
import type { Shell } from './launch-plan.ts';
import type { CommandRequest } from './schema.ts';

/** Starts commands. */
export class CommandRunner {
  readonly #registry: CommandRegistry;
  readonly #launcher: ProcessLauncher;
  readonly #environment: BaseEnvironment;
  readonly #shell: Shell;

  constructor(
    registry: CommandRegistry,
    launcher: ProcessLauncher,
    environment: BaseEnvironment,
    shell: Shell,
  ) {
    this.#registry = registry;
    this.#launcher = launcher;
    this.#environment = environment;
    this.#shell = shell;
  }

  /**
   * Registers a command, which can be found and interrupted from then on, and starts its process in the next turn of
   * the event loop: starting blocks the loop, and the first event should be on its way by then. Throws a ServiceError
   * when the request asks for what the system does not have.
   */
  start(request: CommandRequest): Command {
    const base = this.#environment.current();
    // The plan is checked first, so that a refused request leaves no record.
    const plan = planLaunch(request, base);
    const command = this.#registry.create(request);
    setImmediate(() => {
      void command.run(this.#launcher, () => launchSpec(plan, command.id, request, this.#shell));
    });
    return command;
  }

  /** As `start`, but the same key and request give the command that they started before. */
  startOnce(key: string, request: CommandRequest): Command {
    const fingerprint = createHash('sha256').update(JSON.stringify(request)).digest('hex');
    const known = this.#registry.findByKey(key, fingerprint);
    if (known) return known;
    const command = this.start(request);
    this.#registry.rememberKey(key, fingerprint, command);
    return command;
  }
}

/** The value of an Idempotency-Key header. Throws when it is no usable key. */
export function idempotencyKey(header: string | string[] | undefined): string | undefined {
  if (header === undefined) return undefined;
  if (typeof header === 'string' && /^[\x21-\x7e]{1,255}$/.test(header)) return header;
  const message = 'Idempotency-Key must be 1 to 255 visible ASCII characters';
  throw new ServiceError('invalid-argument', 'INVALID_REQUEST', message);
}
