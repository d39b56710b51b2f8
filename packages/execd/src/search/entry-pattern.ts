import { compileGlob } from '../filesystem/glob.ts';

/** What a pattern is held against. */
export interface NamedEntry {
  readonly name: string;
  /** From the root of the search. */
  readonly relativePath: string;
}

/** A glob that matches the base name of an entry (contract §7.5) or its path below the root of the search (ours). */
export class EntryPattern {
  readonly #glob: ReturnType<typeof compileGlob>;
  readonly #hasSlash: boolean;

  /** Throws a GlobError for a bad pattern. */
  constructor(pattern: string) {
    this.#glob = compileGlob(pattern);
    this.#hasSlash = pattern.includes('/');
  }

  matches(entry: NamedEntry): boolean {
    if (this.#glob.matchesName(entry.name)) return true;
    // Without a slash in it a pattern matches no path that its last name does not match.
    return this.#hasSlash && this.#glob.matchesPath(entry.relativePath);
  }
}
