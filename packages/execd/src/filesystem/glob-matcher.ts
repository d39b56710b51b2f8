import type { GlobNode, GlobSequence } from './glob-pattern.ts';
import { PositionSet } from './position-set.ts';

const SLASH = '/';
const LOW_SURROGATE = /[\udc00-\udfff]/;

/**
 * Whether the sequence matches the whole text, `/` being the separator of its segments. All ways to match go through
 * the pattern together, as the set of positions that they have reached, so the time grows with the length of the
 * pattern times that of the text, and for negations times that of a segment once more; never exponentially.
 */
export function matchesSequence(sequence: GlobSequence, text: string): boolean {
  return new Subject(text).matches(sequence);
}

type ClassNode = Extract<GlobNode, { kind: 'class' }>;
type NegationNode = Extract<GlobNode, { kind: 'negation' }>;

/** Where the characters stand that belong to a class and take `length` UTF-16 units. */
interface Members {
  readonly length: number;
  readonly starts: PositionSet;
}

/** A text that is matched. It remembers what several nodes or several ways ask for. */
class Subject {
  readonly #text: string;
  readonly #occurrences = new Map<string, PositionSet>();
  readonly #members = new Map<ClassNode, readonly Members[]>();
  readonly #negations = new Map<NegationNode, PositionSet[]>();
  readonly #segments = new Map<number, Subject>();
  /** Positions between the two halves of a character; undefined when there are none. */
  readonly #torn: PositionSet | undefined;

  constructor(text: string) {
    this.#text = text;
    this.#torn = this.#findTorn();
  }

  matches(sequence: GlobSequence): boolean {
    return this.#run(sequence, this.#none().add(0)).has(this.#text.length);
  }

  /** Where the sequence can end when it begins at one of these positions. */
  #run(sequence: GlobSequence, from: PositionSet): PositionSet {
    let reached = from;
    for (const node of sequence) {
      if (reached.isEmpty) break;
      reached = this.#step(node, reached);
    }
    return reached;
  }

  #step(node: GlobNode, from: PositionSet): PositionSet {
    switch (node.kind) {
      case 'literal':
        return this.#literal(node.text, from);
      case 'class':
        return this.#class(node, from);
      case 'star':
        return this.#star(from);
      case 'globstar':
        return this.#globstar(from);
      case 'directories':
        return this.#directories(from);
      case 'choice':
        return node.alternatives.reduce((all, one) => all.addAll(this.#run(one, from)), this.#none());
      case 'negation':
        return this.#negation(node, from);
    }
  }

  #literal(literal: string, from: PositionSet): PositionSet {
    return this.#none().addShifted(from, this.#placesOf(literal), literal.length);
  }

  #class(node: ClassNode, from: PositionSet): PositionSet {
    const reached = this.#none();
    for (const { length, starts } of this.#membersOf(node)) {
      reached.addShifted(from, starts, length);
    }
    return reached;
  }

  #star(from: PositionSet): PositionSet {
    const reached = this.#none();
    for (let at = from.next(0); at >= 0;) {
      const end = this.#segmentEnd(at);
      reached.addRange(at, end);
      at = from.next(end + 1);
    }
    return this.#torn ? reached.removeAll(this.#torn) : reached;
  }

  #globstar(from: PositionSet): PositionSet {
    const reached = this.#star(from);
    const first = this.#firstSegmentStart(from);
    if (first < 0) return reached;
    for (let end = this.#segmentEnd(first); end < this.#text.length; end = this.#segmentEnd(end + 1)) {
      reached.add(end);
    }
    return reached.add(this.#text.length);
  }

  #directories(from: PositionSet): PositionSet {
    const reached = this.#literal(SLASH, this.#star(from));
    const starts = this.#segmentStarts();
    const first = this.#firstSegmentStart(from);
    for (let at = first; at >= 0; at = starts.next(at + 1)) reached.add(at);
    return reached;
  }

  #negation(node: NegationNode, from: PositionSet): PositionSet {
    const reached = this.#none();
    for (let at = from.next(0); at >= 0;) {
      const start = at === 0 ? 0 : this.#text.lastIndexOf(SLASH, at - 1) + 1;
      const segment = this.#segment(start);
      const ends = segment.#negationInSegment(node, from, start);
      reached.addShifted(ends, ends, start);
      at = from.next(start + segment.#text.length + 1);
    }
    return reached;
  }

  /** This being the segment at `offset` of the text that `from` is about. */
  #negationInSegment(node: NegationNode, from: PositionSet, offset: number): PositionSet {
    const known = this.#negations.get(node) ?? [];
    this.#negations.set(node, known);
    const reached = this.#none();
    const last = offset + this.#text.length;
    for (let at = from.next(offset); at >= 0 && at <= last; at = from.next(at + 1)) {
      const start = at - offset;
      reached.addAll((known[start] ??= this.#negationEnds(node, start)));
    }
    return reached;
  }

  /** For one start alone: where an alternative ends that began elsewhere says nothing about it. */
  #negationEnds({ alternatives }: NegationNode, start: number): PositionSet {
    const begin = this.#none().add(start);
    return alternatives.reduce(
      (ends, alternative) => ends.removeAll(this.#run(alternative, begin)),
      this.#star(begin),
    );
  }

  #none(): PositionSet {
    return new PositionSet(this.#text.length + 1);
  }

  #segmentEnd(position: number): number {
    const slash = this.#text.indexOf(SLASH, position);
    return slash < 0 ? this.#text.length : slash;
  }

  #segmentStarts(): PositionSet {
    const slashes = this.#placesOf(SLASH);
    return this.#none().add(0).addShifted(slashes, slashes, 1);
  }

  #firstSegmentStart(from: PositionSet): number {
    return this.#none().addShifted(from, this.#segmentStarts(), 0).next(0);
  }

  /** The segment that begins here. What is asked of it by itself takes no longer for being in a long path. */
  #segment(start: number): Subject {
    const end = this.#segmentEnd(start);
    if (start === 0 && end === this.#text.length) return this;
    const segment = this.#segments.get(start) ?? new Subject(this.#text.slice(start, end));
    this.#segments.set(start, segment);
    return segment;
  }

  #placesOf(literal: string): PositionSet {
    let places = this.#occurrences.get(literal);
    if (places === undefined) {
      places = this.#none();
      for (let at = this.#text.indexOf(literal); at >= 0; at = this.#text.indexOf(literal, at + 1))
        places.add(at);
      this.#occurrences.set(literal, places);
    }
    return places;
  }

  #membersOf(node: ClassNode): readonly Members[] {
    let members = this.#members.get(node);
    if (members === undefined) {
      members = this.#torn
        ? [this.#findMembers(node, 1), this.#findMembers(node, 2)]
        : [this.#findMembers(node, 1)];
      this.#members.set(node, members);
    }
    return members;
  }

  #findMembers({ negated, ranges }: ClassNode, length: number): Members {
    const starts = this.#none();
    for (let at = 0; at < this.#text.length; at += 1) {
      const codePoint = this.#text.codePointAt(at) ?? 0;
      if (this.#text[at] === SLASH || (codePoint > 0xffff ? 2 : 1) !== length) continue;
      const isListed = ranges.some(([first, last]) => first <= codePoint && codePoint <= last);
      if (isListed !== negated) starts.add(at);
    }
    return { length, starts };
  }

  #findTorn(): PositionSet | undefined {
    if (!LOW_SURROGATE.test(this.#text)) return undefined;
    const torn = this.#none();
    for (let at = 0; at < this.#text.length; at += 1) {
      if ((this.#text.codePointAt(at) ?? 0) > 0xffff) torn.add(at + 1);
    }
    return torn;
  }
}
