import { compileGlob, GlobError } from '../filesystem/glob.ts';
import { invalidRequest } from '../filesystem/file-failure.ts';

type Glob = ReturnType<typeof compileGlob>;

/**
 * Which files of a tree are wanted. A pattern is compared with the base name and with the path relative to the tree.
 * What is excluded is left out with all that is below it, whatever is included.
 */
export class MemberFilter {
  readonly #include: readonly Glob[];
  readonly #exclude: readonly Glob[];

  /** Throws 400 for a malformed pattern. No pattern to include includes everything. */
  constructor(include: readonly string[], exclude: readonly string[]) {
    this.#include = include.map(compile);
    this.#exclude = exclude.map(compile);
  }

  /** Whether directories are wanted for themselves and not just for the files in them. */
  get takesDirectories(): boolean {
    return this.#include.length === 0;
  }

  /** Whether this very name is excluded. */
  excludes(name: string, path: string): boolean {
    return this.#exclude.some((glob) => matches(glob, name, path));
  }

  /** Whether the name or a directory on the way to it is excluded. */
  excludesBelow(names: readonly string[]): boolean {
    if (this.#exclude.length === 0) return false;
    return names.some((name, index) => this.excludes(name, names.slice(0, index + 1).join('/')));
  }

  /** Whether a file is wanted, as far as the patterns to include go. */
  includes(name: string, path: string): boolean {
    return this.takesDirectories || this.#include.some((glob) => matches(glob, name, path));
  }
}

function compile(pattern: string): Glob {
  try {
    return compileGlob(pattern);
  } catch (error) {
    if (!(error instanceof GlobError)) throw error;
    throw invalidRequest(`invalid pattern ${JSON.stringify(pattern)}: ${error.message}`, error);
  }
}

function matches(glob: Glob, name: string, path: string): boolean {
  return glob.matchesName(name) || glob.matchesPath(path);
}
