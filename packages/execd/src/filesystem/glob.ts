import { matchesSequence } from './glob-matcher.ts';
import { parsePattern } from './glob-pattern.ts';
import type { GlobSequence } from './glob-pattern.ts';
import { shortcut } from './glob-shortcut.ts';
import type { TextTest } from './glob-shortcut.ts';

export { GlobError } from './glob-pattern.ts';

/**
 * A pattern that is ready for use. Both questions match the whole of what is given, case-sensitively, `?` and classes by
 * code point; `*` matches a leading dot, and nothing but `**` matches a `/`.
 */
export interface Glob {
  /** Whether a base name matches; the pattern is taken as it is written, so one that needs a `/` matches none. */
  readonly matchesName: (name: string) => boolean;
  /**
   * Whether a path relative to the root of a search matches, its segments separated by `/`. A leading `/` or `./` of the
   * pattern stands for that root.
   */
  readonly matchesPath: (relativePath: string) => boolean;
}

/**
 * Compiles a pattern: `*`, `?`, `[a-z]`, `[^x]`, `[!x]`, `{a,b}`, `\` before a character that stands for itself (contract
 * §7.5), and
 * - `**` as a whole segment of a path: any number of directories, none too, when segments follow; everything below when
 *   it is the last, as in `a/**`. As part of a segment, and in a name, it is `*`. The slash may stand behind braces that
 *   end with `**`, but not in braces that follow one.
 * - `!(a|b)`: whatever neither `a` nor `b` matches as a whole, within a segment, the empty text included; what stands
 *   around it is matched too, as with extglob in bash. A `!` that begins no `!(...)` is an error.
 *
 * Throws GlobError for bad syntax, and for more than 1,000 characters, 20 brackets in each other or 10 negations. Hostile
 * patterns do no harm: matchesSequence says how the time to match grows.
 */
export function compileGlob(pattern: string): Glob {
  const matchesName = textTest(parsePattern(pattern));
  const fromRoot = pattern.replace(/^(?:\.?\/)+/, '');
  const matchesPath = fromRoot === pattern ? matchesName : textTest(parsePattern(fromRoot));
  return { matchesName, matchesPath };
}

/** Whether one of the globs matches the base name or the path: what a list of names to include or to leave out means. */
export function matchesAny(globs: readonly Glob[], name: string, relativePath: string): boolean {
  return globs.some((glob) => glob.matchesName(name) || glob.matchesPath(relativePath));
}

function textTest(sequence: GlobSequence): TextTest {
  const quick = shortcut(sequence);
  if (quick) return quick;
  const first = sequence.at(0);
  const last = sequence.at(-1);
  const prefix = first?.kind === 'literal' ? first.text : '';
  const suffix = last?.kind === 'literal' ? last.text : '';
  return (text) => text.startsWith(prefix) && text.endsWith(suffix) && matchesSequence(sequence, text);
}
