import { invalidRequest } from '../filesystem/file-failure.ts';

/** What lines are held against. */
export interface LinePattern {
  /** Of a JavaScript regular expression that needs no more than to be found once. */
  readonly source: string;
  readonly flags: string;
  /** Text that stands in every line that matches, where one is known. */
  readonly literal: string | undefined;
}

/** A shorter literal is in so many lines that looking for it first does not pay. */
const SHORTEST_LITERAL = 2;

/** The pattern of a request: a regular expression, or with `isFixed` plain text. Throws 400 for a bad one. */
export function linePattern(text: string, isFixed: boolean, ignoresCase: boolean): LinePattern {
  const source = isFixed ? text.replaceAll(/[\\^$.*+?()[\]{}|/]/g, String.raw`\$&`) : text;
  const flags = ignoresCase ? 'ui' : 'u';
  try {
    void new RegExp(source, flags);
  } catch (error) {
    throw invalidRequest(error instanceof Error ? error.message : String(error), error);
  }
  const literal = ignoresCase ? '' : isFixed ? text : requiredLiteral(text);
  // Bytes that are no text read as U+FFFD.
  const isUsable = literal.length >= SHORTEST_LITERAL && !literal.includes('\uFFFD');
  return { source, flags, literal: isUsable ? literal : undefined };
}

/** An escape, a class, or one character of a valid regular expression. */
const TOKEN = /\\[^]|\[(?:\\[^]|[^\]\\])*\]|\{[\d,]+\}|[^]/gu;

/**
 * The longest run of plain characters that every match of a valid regular expression has; '' when none is certain.
 * What stands in groups and alternatives is not looked into.
 */
export function requiredLiteral(source: string): string {
  let longest = '';
  let run: string[] = [];
  let depth = 0;
  const endRun = () => {
    if (depth === 0 && run.join('').length > longest.length) longest = run.join('');
    run = [];
  };
  for (const [token] of source.matchAll(TOKEN)) {
    if (token === '|' && depth === 0) return '';
    // The characters behind these belong to them.
    if (/^\\[pPkuxc]/.test(token)) return '';
    if (/^(?:[*?]|\{.+)$/s.test(token)) run.pop();
    const plain = plainCharacter(token);
    if (plain === undefined) endRun();
    else run.push(plain);
    if (token === '(') depth += 1;
    if (token === ')') depth -= 1;
  }
  endRun();
  return longest;
}

function plainCharacter(token: string): string | undefined {
  if (/^\\[^\w]$/su.test(token)) return token.slice(1);
  return token.length <= 2 && !/^[\\^$.*+?()[{]/.test(token) ? token : undefined;
}
