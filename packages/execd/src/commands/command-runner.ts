import { createHash } from 'node:crypto';
import { ServiceError } from '@pod-agent/daemon-kit/service-error';
import type { BaseEnvironment } from '../os/environment.ts';
import type { LauncherFeature, ProcessLauncher } from '../os/process-launcher.ts';
import { encodeRecord } from './command-record.ts';
import type { CommandRecord } from './command-record.ts';
import type { CommandRegistry } from './command-registry.ts';
import type { Command } from './command.ts';
import { launchSpec, planLaunch } from './launch-plan.ts';
import type { Shell } from './launch-plan.ts';
import type { CommandRequest } from './schema.ts';

/** The launcher, and why it is this one. */
interface LauncherInForce {
  readonly launcher: ProcessLauncher;
  readonly reason: string;
}

/** Starts commands. */
export class CommandRunner {
  readonly #registry: CommandRegistry;
  readonly #inForce: LauncherInForce;
  readonly #environment: BaseEnvironment;
  readonly #shell: Shell;

  constructor(
    registry: CommandRegistry,
    inForce: LauncherInForce,
    environment: BaseEnvironment,
    shell: Shell,
  ) {
    this.#registry = registry;
    this.#inForce = inForce;
    this.#environment = environment;
    this.#shell = shell;
  }

  /**
   * Registers a command, which can be found and interrupted from then on, and starts its process. Throws a ServiceError
   * when the request asks for what the system or the launcher does not have.
   */
  start(request: CommandRequest, key?: CommandRecord['key']): Command {
    this.#requireFeatures(request);
    const base = this.#environment.current();
    // The plan is checked first, so that a refused request leaves no record.
    const plan = planLaunch(request, base);
    const command = this.#registry.create(request);
    const label = () => encodeRecord({ id: command.id, request, startedAt: command.startedAt, key });
    void command.run(this.#inForce.launcher, () => ({
      ...launchSpec(plan, command.id, request, this.#shell),
      label,
    }));
    return command;
  }

  /** As `start`, but the same key and request give the command that they started before. */
  startOnce(name: string, request: CommandRequest): Command {
    const fingerprint = createHash('sha256').update(JSON.stringify(request)).digest('hex');
    const known = this.#registry.findByKey(name, fingerprint);
    if (known) return known;
    const command = this.start(request, { name, fingerprint });
    this.#registry.rememberKey(name, fingerprint, command);
    return command;
  }

  #requireFeatures({ groups, limits, killDetached }: CommandRequest): void {
    const needed: Partial<Record<LauncherFeature, boolean>> = {
      groups: groups !== undefined,
      limits: limits !== undefined,
      'detached-kill': killDetached,
    };
    const { launcher, reason } = this.#inForce;
    const missing = Object.entries(needed).find(
      ([feature, isNeeded]) => isNeeded && !launcher.features.includes(feature as LauncherFeature),
    );
    if (!missing) return;
    const message = `${missing[0]} needs the native launcher, which is not in force: ${reason}`;
    throw new ServiceError('unsupported', 'NOT_SUPPORTED', message);
  }
}

/** The value of an Idempotency-Key header. Throws when it is no usable key. */
export function idempotencyKey(header: string | string[] | undefined): string | undefined {
  if (header === undefined) return undefined;
  if (typeof header === 'string' && /^[\x21-\x7e]{1,255}$/.test(header)) return header;
  const message = 'Idempotency-Key must be 1 to 255 visible ASCII characters';
  throw new ServiceError('invalid-argument', 'INVALID_REQUEST', message);
}
