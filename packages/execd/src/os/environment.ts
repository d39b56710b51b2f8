import { readFileSync, statSync } from 'node:fs';
import type { Logger } from '@pod-agent/daemon-kit/log';
import { parseEnvironmentFile } from './environment-file.ts';
import { expandPath } from './path-expansion.ts';

/** Secrets of the daemon that no child gets to see (contract §19). */
const SECRET_VARIABLES = ['EXECD_ACCESS_TOKEN', 'JUPYTER_TOKEN'] as const;

export type Environment = Readonly<Record<string, string>>;

/** The variables that a child may see. */
export function withoutSecrets(own: Readonly<Record<string, string | undefined>>): Environment {
  const secrets: readonly string[] = SECRET_VARIABLES;
  const visible = Object.entries(own).filter(
    ([name, value]) => value !== undefined && !secrets.includes(name),
  );
  return Object.fromEntries(visible) as Environment;
}

/** The variables that a command starts from: the daemon's own without its secrets, then those of the EXECD_ENVS file. */
export class BaseEnvironment {
  readonly #own: Environment;
  readonly #file: string | undefined;
  readonly #log: Logger;
  #fileVersion = '';
  #merged: Environment;

  /** `own` is the daemon's environment at its start. */
  constructor(own: Readonly<Record<string, string | undefined>>, log: Logger) {
    this.#own = withoutSecrets(own);
    this.#file = own['EXECD_ENVS'] || undefined;
    this.#log = log;
    this.#merged = this.#own;
  }

  /** The variables now: a change of the file shows in the next call (contract §13.3). */
  current(): Environment {
    if (this.#file === undefined) return this.#own;
    try {
      const path = expandPath(this.#file, this.#own);
      const { mtimeNs, size, ino } = statSync(path, { bigint: true });
      const version = `${mtimeNs}:${size}:${ino}`;
      if (version !== this.#fileVersion) {
        this.#merged = this.#merge(path);
        this.#fileVersion = version;
      }
      return this.#merged;
    } catch (error) {
      this.#warnOnce(error);
      return this.#own;
    }
  }

  #merge(path: string): Environment {
    const { values, skipped } = parseEnvironmentFile(readFileSync(path, 'utf8'), this.#own);
    for (const { line, reason } of skipped)
      this.#log.warn('line of EXECD_ENVS skipped', { path, line, reason });
    return { ...this.#own, ...values };
  }

  /** A file that stays unreadable is worth one line, not one a command. */
  #warnOnce(error: unknown): void {
    if (this.#fileVersion === 'unreadable') return;
    this.#fileVersion = 'unreadable';
    this.#log.warn('EXECD_ENVS cannot be read', { reason: String(error) });
  }
}
