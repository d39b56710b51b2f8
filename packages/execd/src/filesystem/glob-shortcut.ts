import { joinLiterals } from './glob-pattern.ts';
import type { GlobNode, GlobSequence } from './glob-pattern.ts';

/** Braces are written out up to this number of patterns. */
const MAX_WRITTEN_OUT = 32;

/** Tells whether a name or a relative path matches. */
export type TextTest = (text: string) => boolean;

/**
 * A test with a few string comparisons, for the patterns that are mostly used: everything, one name, a beginning and an
 * end, below a directory, and braces that write out as a few of these. Undefined for all others.
 */
export function shortcut(sequence: GlobSequence): TextTest | undefined {
  const tests = writeOut(sequence)?.map((plain) => plainTest(joinLiterals(plain)));
  if (!tests?.every((test) => test !== undefined)) return undefined;
  const [only] = tests;
  return tests.length === 1 && only ? only : (text) => tests.some((test) => test(text));
}

/** The sequences without braces that match the same together; undefined when there are too many. */
function writeOut(sequence: GlobSequence): GlobSequence[] | undefined {
  let written: GlobSequence[] = [[]];
  for (const node of sequence) {
    const endings = node.kind === 'choice' ? writeOutAll(node.alternatives) : [[node]];
    if (endings === undefined || written.length * endings.length > MAX_WRITTEN_OUT) return undefined;
    written = written.flatMap((beginning) => endings.map((ending) => [...beginning, ...ending]));
  }
  return written;
}

function writeOutAll(alternatives: readonly GlobSequence[]): GlobSequence[] | undefined {
  const all: GlobSequence[] = [];
  for (const alternative of alternatives) {
    const written = writeOut(alternative);
    if (written === undefined || all.length > MAX_WRITTEN_OUT) return undefined;
    all.push(...written);
  }
  return all;
}

function plainTest(sequence: GlobSequence): TextTest | undefined {
  const [first, ...rest] = sequence;
  if (first?.kind !== 'literal') return segmentTest('', sequence);
  if (!first.text.endsWith('/')) return segmentTest(first.text, rest);
  // A segment begins behind the slash, as one does at the beginning of a text.
  const inside = segmentTest('', rest);
  return inside && ((text) => text.startsWith(first.text) && inside(text.slice(first.text.length)));
}

/** A literal prefix, at most one kind of wildcard, and a literal suffix. */
function segmentTest(prefix: string, rest: GlobSequence): TextTest | undefined {
  const [wildcard, ...behind] = rest;
  if (wildcard === undefined) return (text) => text === prefix;
  if (wildcard.kind === 'directories' && prefix === '') return directoriesTest(behind);
  const suffix = literalText(behind);
  if (suffix === undefined) return undefined;
  if (wildcard.kind === 'globstar' && prefix === '' && suffix === '') return () => true;
  return isStar(wildcard) ? starTest(prefix, suffix) : undefined;
}

/** The text of nothing or of one literal; undefined for anything else. */
function literalText(sequence: GlobSequence): string | undefined {
  const [node, ...more] = sequence;
  if (node === undefined) return '';
  return node.kind === 'literal' && more.length === 0 ? node.text : undefined;
}

function isStar(node: GlobNode | undefined): boolean {
  return node?.kind === 'star' || node?.kind === 'globstar';
}

function starTest(prefix: string, suffix: string): TextTest {
  const shortest = prefix.length + suffix.length;
  return (text) => {
    if (text.length < shortest || !text.startsWith(prefix) || !text.endsWith(suffix)) return false;
    const slash = text.indexOf('/', prefix.length);
    return slash < 0 || slash >= text.length - suffix.length;
  };
}

/** In any directory: one path, or whatever ends so. */
function directoriesTest(behind: GlobSequence): TextTest | undefined {
  const path = literalText(behind);
  if (path !== undefined) return (text) => text === path || text.endsWith(`/${path}`);
  const [wildcard, ...last] = behind;
  const suffix = literalText(last);
  if (!isStar(wildcard) || suffix === undefined) return undefined;
  return (text) => text.endsWith(suffix);
}
