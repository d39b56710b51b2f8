/** Longer patterns are refused, UTF-16 units. */
const MAX_PATTERN_LENGTH = 1000;
/** Braces, negations and parentheses in each other. */
const MAX_NESTING = 20;
/** Each one may have to be tried at every position of a name. */
const MAX_NEGATIONS = 10;

/** The pattern cannot be used: its syntax is wrong, or it goes over a limit that the message names. */
export class GlobError extends Error {
  override readonly name = 'GlobError';

  constructor(message = 'syntax error in pattern') {
    super(message);
  }
}

/** First and last code point. */
type CodePointRange = readonly [number, number];

/** One piece of a pattern. None but a literal, `globstar` and `directories` ever matches a `/`. */
export type GlobNode =
  | { readonly kind: 'literal'; readonly text: string }
  /** One code point; `?` is the negated class without ranges. */
  | { readonly kind: 'class'; readonly negated: boolean; readonly ranges: readonly CodePointRange[] }
  /** `*` */
  | { readonly kind: 'star' }
  /** `**`: any number of whole segments where a segment begins, otherwise as `*`. */
  | { readonly kind: 'globstar' }
  /** `**` and the slash behind it: any number of directories where a segment begins, none too; otherwise as `*` and a slash. */
  | { readonly kind: 'directories' }
  /** `{a,b}` */
  | { readonly kind: 'choice'; readonly alternatives: readonly GlobSequence[] }
  /** `!(a|b)`: what neither alternative matches as a whole. */
  | { readonly kind: 'negation'; readonly alternatives: readonly GlobSequence[] };

export type GlobSequence = readonly GlobNode[];

const ANY: GlobNode = { kind: 'class', negated: true, ranges: [] };
const STAR: GlobNode = { kind: 'star' };
const GLOBSTAR: GlobNode = { kind: 'globstar' };
const DIRECTORIES: GlobNode = { kind: 'directories' };
const SLASH: GlobNode = { kind: 'literal', text: '/' };

/** Reads a pattern (contract §7.5). Throws GlobError. */
export function parsePattern(pattern: string): GlobSequence {
  if (pattern.length > MAX_PATTERN_LENGTH) {
    throw new GlobError(`pattern is longer than ${MAX_PATTERN_LENGTH} characters`);
  }
  return new PatternParser(pattern).sequence('');
}

/**
 * Recursive descent. The innermost brackets decide what `,`, `|` and `)` mean; elsewhere these, `]` and `}` stand for
 * themselves.
 */
class PatternParser {
  readonly #pattern: string;
  #at = 0;
  #depth = 0;
  #negations = 0;

  constructor(pattern: string) {
    this.#pattern = pattern;
  }

  /** Up to one of the stops, which is not taken, or to the end. */
  sequence(stops: string): GlobSequence {
    const nodes: GlobNode[] = [];
    this.#readInto(nodes, stops);
    return joinLiterals(nodes);
  }

  #readInto(nodes: GlobNode[], stops: string): void {
    while (this.#at < this.#pattern.length && !stops.includes(this.#next)) this.#readNode(nodes, stops);
  }

  #readNode(nodes: GlobNode[], stops: string): void {
    const character = this.#take();
    switch (character) {
      case '*':
        nodes.push(this.#stars());
        break;
      case '?':
        nodes.push(ANY);
        break;
      case '[':
        nodes.push(this.#class());
        break;
      case '{':
        nodes.push({ kind: 'choice', alternatives: this.#alternatives(',', '}') });
        break;
      case '!':
        nodes.push(this.#negation());
        break;
      case '(':
        this.#readParentheses(nodes, stops);
        break;
      case '\\':
        appendCharacter(nodes, this.#take());
        break;
      default:
        appendCharacter(nodes, character);
    }
  }

  #stars(): GlobNode {
    if (this.#next !== '*') return STAR;
    while (this.#next === '*') this.#at += 1;
    return GLOBSTAR;
  }

  #negation(): GlobNode {
    this.#negations += 1;
    if (this.#negations > MAX_NEGATIONS)
      throw new GlobError(`pattern has more than ${MAX_NEGATIONS} negations`);
    this.#expect('(');
    return { kind: 'negation', alternatives: this.#alternatives('|', ')') };
  }

  /** Inside a negation parentheses come in pairs, as in a shell; elsewhere they are letters. */
  #readParentheses(nodes: GlobNode[], stops: string): void {
    appendCharacter(nodes, '(');
    if (!stops.includes(')')) return;
    this.#nested(() => this.#readInto(nodes, ')'));
    this.#expect(')');
    appendCharacter(nodes, ')');
  }

  #alternatives(separator: string, close: string): GlobSequence[] {
    return this.#nested(() => {
      const alternatives = [this.sequence(separator + close)];
      while (this.#next === separator) {
        this.#at += 1;
        alternatives.push(this.sequence(separator + close));
      }
      this.#expect(close);
      return alternatives;
    });
  }

  #nested<T>(read: () => T): T {
    this.#depth += 1;
    if (this.#depth > MAX_NESTING) throw new GlobError(`pattern nests deeper than ${MAX_NESTING} levels`);
    const result = read();
    this.#depth -= 1;
    return result;
  }

  /** A `]` that comes first, and a `-` that comes first or last, stand for themselves. */
  #class(): GlobNode {
    const negated = this.#next === '!' || this.#next === '^';
    if (negated) this.#at += 1;
    const ranges: CodePointRange[] = [];
    do ranges.push(this.#range());
    while (this.#next !== ']');
    this.#at += 1;
    return { kind: 'class', negated, ranges };
  }

  #range(): CodePointRange {
    const first = this.#classMember();
    const behind = this.#pattern[this.#at + 1] ?? ']';
    if (this.#next !== '-' || behind === ']') return [first, first];
    this.#at += 1;
    return [first, this.#classMember()];
  }

  #classMember(): number {
    const character = this.#take();
    return (character === '\\' ? this.#take() : character).codePointAt(0) ?? 0;
  }

  /** The next UTF-16 unit, empty at the end. */
  get #next(): string {
    return this.#pattern[this.#at] ?? '';
  }

  /** The next code point. */
  #take(): string {
    const codePoint = this.#pattern.codePointAt(this.#at);
    if (codePoint === undefined) throw new GlobError();
    const character = String.fromCodePoint(codePoint);
    this.#at += character.length;
    return character;
  }

  #expect(character: string): void {
    if (this.#next !== character) throw new GlobError();
    this.#at += 1;
  }
}

function appendCharacter(nodes: GlobNode[], character: string): void {
  if (character === '/') appendSlash(nodes);
  else nodes.push({ kind: 'literal', text: character });
}

// A slash makes directories of a `**` before it, also of one that ends an alternative: `{a,**}/b` is `{a/,**/}b`.
function appendSlash(nodes: GlobNode[]): void {
  const last = nodes.at(-1);
  if (last === undefined || !endsWithGlobstar(last)) nodes.push(SLASH);
  else nodes.splice(-1, 1, withSlash(last));
}

function endsWithGlobstar(node: GlobNode | undefined): boolean {
  if (node?.kind !== 'choice') return node?.kind === 'globstar';
  return node.alternatives.some((alternative) => endsWithGlobstar(alternative.at(-1)));
}

function withSlash(node: GlobNode): GlobNode {
  if (node.kind !== 'choice') return DIRECTORIES;
  const alternatives = node.alternatives.map((alternative) => {
    const nodes = [...alternative];
    appendSlash(nodes);
    return joinLiterals(nodes);
  });
  return { kind: 'choice', alternatives };
}

/** The same sequence with as few literals as possible. */
export function joinLiterals(nodes: GlobSequence): GlobSequence {
  const joined: GlobNode[] = [];
  for (const node of nodes) {
    const last = joined.at(-1);
    if (node.kind === 'literal' && last?.kind === 'literal') {
      joined.splice(-1, 1, { kind: 'literal', text: last.text + node.text });
    } else {
      joined.push(node);
    }
  }
  return joined;
}
