import { compileGlob, GlobError } from '../filesystem/glob.ts';
import type { Glob } from '../filesystem/glob.ts';
import { invalidRequest } from '../filesystem/file-failure.ts';
import { STAGED_PREFIX } from '../filesystem/staged-file.ts';
import type { DirectoryNode } from './directory-node.ts';

const DEFAULTS = ['.git', 'node_modules'];

/**
 * What a watch leaves out: globs of base names or of paths relative to the root. `.git` and `node_modules` are among
 * them unless one of the patterns is empty. Files that are being uploaded are always left out.
 */
export class IgnoreList {
  /** Sorted: two lists with the same patterns are the same list. */
  readonly patterns: readonly string[];
  readonly #globs: readonly Glob[];
  readonly #hasPaths: boolean;

  /** Throws a 400 for a pattern that is no glob. */
  constructor(patterns: readonly string[]) {
    const all = patterns.includes('')
      ? patterns.filter((pattern) => pattern !== '')
      : [...DEFAULTS, ...patterns];
    this.patterns = [...new Set(all)].sort();
    this.#globs = this.patterns.map(compile);
    this.#hasPaths = this.patterns.some((pattern) => pattern.includes('/'));
  }

  ignores(directory: DirectoryNode, name: string): boolean {
    if (name.startsWith(STAGED_PREFIX)) return true;
    if (this.#globs.some((glob) => glob.matchesName(name))) return true;
    if (!this.#hasPaths) return false;
    const relativePath = directory.relativePathOf(name);
    return this.#globs.some((glob) => glob.matchesPath(relativePath));
  }
}

function compile(pattern: string): Glob {
  try {
    return compileGlob(pattern);
  } catch (error) {
    if (!(error instanceof GlobError)) throw error;
    throw invalidRequest(`invalid ignore pattern ${JSON.stringify(pattern)}: ${error.message}`, error);
  }
}
