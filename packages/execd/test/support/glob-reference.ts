import type { Random } from './random.ts';

/** A pattern in pieces: a character that stands for itself, a wildcard, a class, braces or a negation. */
export type Piece =
  | string
  | { readonly wildcard: '?' | '*' | '**' }
  | { readonly members: readonly string[]; readonly negated: boolean }
  | { readonly choice: readonly Piece[][] }
  | { readonly not: readonly Piece[][] };

const LETTERS = [
  'a',
  'b',
  'c',
  '.',
  '-',
  'é',
  '😀',
  '!',
  '(',
  ')',
  '[',
  ']',
  '{',
  '}',
  ',',
  '|',
  '\\',
  '*',
] as const;
const FEW_LETTERS = ['a', 'b', '.', '😀'] as const;

/** A pattern as one writes it. Escapes are needed for some characters and allowed for all. */
export function writePattern(pieces: readonly Piece[], random: Random): string {
  return pieces.map((piece) => writePiece(piece, random)).join('');
}

function writePiece(piece: Piece, random: Random): string {
  if (typeof piece === 'string') return writeCharacter(piece, random);
  if ('wildcard' in piece) return piece.wildcard;
  if ('members' in piece) {
    const members = piece.members.map((member) => (/[\]\\!^-]/.test(member) ? `\\${member}` : member));
    return `[${piece.negated ? random.pick(['!', '^']) : ''}${members.join('')}]`;
  }
  const write = (alternatives: readonly Piece[][], separator: string) =>
    alternatives.map((alternative) => writePattern(alternative, random)).join(separator);
  return 'choice' in piece ? `{${write(piece.choice, ',')}}` : `!(${write(piece.not, '|')})`;
}

function writeCharacter(character: string, random: Random): string {
  if (character === '/') return character;
  return /[*?[\]{}(),|!\\]/.test(character) || random.below(8) === 0 ? `\\${character}` : character;
}

/** A pattern of up to `length` pieces; with slashes only outside negations. */
export function randomPieces(random: Random, length: number, depth = 0, slashes = true): Piece[] {
  const pieces: Piece[] = [];
  for (let count = random.below(length + 1); count > 0; count -= 1) {
    const piece = randomPiece(random, depth, slashes);
    if (canFollow(pieces.at(-1), piece)) pieces.push(piece);
  }
  return pieces;
}

/** Written next to each other, stars would become others; and a slash in braces is not that of a `**` before them. */
function canFollow(previous: Piece | undefined, piece: Piece): boolean {
  if (isStar(piece)) return !isStar(previous);
  return typeof piece === 'string' || !('choice' in piece) || !endsWithGlobstar(previous);
}

function endsWithGlobstar(piece: Piece | undefined): boolean {
  if (typeof piece !== 'object' || !('choice' in piece)) return isGlobstar(piece);
  return piece.choice.some((alternative) => endsWithGlobstar(alternative.at(-1)));
}

function randomPiece(random: Random, depth: number, slashes: boolean): Piece {
  const alternatives = (inside: boolean) =>
    Array.from({ length: 1 + random.below(3) }, () => randomPieces(random, 3, depth + 1, inside));
  const kind = random.below(depth < 2 ? 13 : 11);
  if (kind < 2) return random.pick(LETTERS);
  if (kind < 5) return random.pick(FEW_LETTERS);
  if (kind === 5) return { wildcard: '?' };
  if (kind < 8) return { wildcard: '*' };
  if (kind === 8) return { wildcard: '**' };
  if (kind === 9) return slashes ? '/' : 'a';
  if (kind === 10) {
    const members = Array.from({ length: 1 + random.below(3) }, () => random.pick(LETTERS));
    return { members, negated: random.below(2) === 0 };
  }
  return kind === 11 ? { choice: alternatives(slashes) } : { not: alternatives(false) };
}

/** A name or a relative path that has a chance to match. */
export function randomText(random: Random, segments: number): string {
  const segment = () =>
    Array.from({ length: 1 + random.below(4) }, () =>
      random.pick(random.below(4) === 0 ? LETTERS : FEW_LETTERS),
    );
  return Array.from({ length: 1 + random.below(segments) }, () => segment().join('')).join('/');
}

/** Whether the pattern matches, by trying everything: slow and plain. */
export function matchesReference(pieces: readonly Piece[], text: string): boolean {
  const characters = Array.from(text);
  return expand(pieces).some((plain) => matchesAt(plain, characters, 0));
}

/** Without braces: all patterns that they stand for. */
function expand(pieces: readonly Piece[]): Piece[][] {
  const [first, ...rest] = pieces;
  if (first === undefined) return [[]];
  const beginnings =
    typeof first === 'object' && 'choice' in first ? first.choice.flatMap(expand) : [[first]];
  return beginnings.flatMap((beginning) => expand(rest).map((ending) => [...beginning, ...ending]));
}

function matchesAt(pieces: readonly Piece[], text: readonly string[], at: number): boolean {
  const [piece, ...rest] = pieces;
  if (piece === undefined) return at === text.length;
  if (isGlobstar(piece) && rest[0] === '/' && isSegmentStart(text, at)) {
    return positions(text).some(
      (to) => to >= at && isSegmentStart(text, to) && matchesAt(rest.slice(1), text, to),
    );
  }
  return positions(text).some(
    (end) => end >= at && takes(piece, text, at, end) && matchesAt(rest, text, end),
  );
}

/** Whether this piece alone can stand for the text from `at` to `end`. */
function takes(piece: Piece, text: readonly string[], at: number, end: number): boolean {
  const taken = text.slice(at, end);
  if (isGlobstar(piece) && isSegmentStart(text, at) && (text[end] ?? '/') === '/') return true;
  if (typeof piece === 'string') return taken.join('') === piece;
  if (taken.includes('/')) return false;
  if ('not' in piece) return !piece.not.some((pieces) => matchesReference(pieces, taken.join('')));
  if ('choice' in piece) throw new Error('braces are expanded');
  if ('wildcard' in piece) return piece.wildcard !== '?' || taken.length === 1;
  const [character, ...more] = taken;
  return character !== undefined && more.length === 0 && piece.members.includes(character) !== piece.negated;
}

function isStar(piece: Piece | undefined): boolean {
  return typeof piece === 'object' && 'wildcard' in piece && piece.wildcard !== '?';
}

function isGlobstar(piece: Piece | undefined): boolean {
  return typeof piece === 'object' && 'wildcard' in piece && piece.wildcard === '**';
}

function isSegmentStart(text: readonly string[], at: number): boolean {
  return at === 0 || text[at - 1] === '/';
}

function positions(text: readonly string[]): number[] {
  return Array.from({ length: text.length + 1 }, (_, position) => position);
}
