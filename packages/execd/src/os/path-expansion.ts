import { join } from 'node:path';

/** The path names environment variables that are not set. */
export class UndefinedVariablesError extends Error {
  override readonly name = 'UndefinedVariablesError';

  constructor(names: readonly string[]) {
    super(`path references undefined environment variables: ${names.join(',')}`);
  }
}

/** `$NAME`, `${NAME}`, `${}` and the one-character parameters of a shell. */
const VARIABLE = /\$(?:\{([^}]*)\}|([A-Za-z_][A-Za-z0-9_]*)|([0-9*#$@!?-]))/g;
const IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_]*$/;

/**
 * Expands variables, then a leading `~` (contract §6). Names that are not identifiers expand to their value or to
 * nothing; a `$` before anything else stays. Throws UndefinedVariablesError.
 */
export function expandPath(path: string, environment: Readonly<Record<string, string | undefined>>): string {
  if (!path.includes('$')) return expandHome(path, environment['HOME']);
  const missing = new Set<string>();
  const expanded = path.replace(VARIABLE, (_match, braced?: string, plain?: string, special?: string) => {
    const name = braced ?? plain ?? special ?? '';
    const value = Object.hasOwn(environment, name) ? environment[name] : undefined;
    if (value === undefined && IDENTIFIER.test(name)) missing.add(name);
    return value ?? '';
  });
  if (missing.size > 0) throw new UndefinedVariablesError([...missing].sort());
  return expandHome(expanded, environment['HOME']);
}

function expandHome(path: string, home: string | undefined): string {
  if (path !== '~' && !path.startsWith('~/') && !path.startsWith('~\\')) return path;
  if (home === undefined || home === '') throw new UndefinedVariablesError(['HOME']);
  return path === '~' ? home : join(home, path.slice(2));
}
