import type { TimeSlice } from '../os/time-slice.ts';
import { markOfType } from './entry-mark.ts';
import type { EntryMark } from './entry-mark.ts';

const NO_DIRECTORIES: ReadonlyMap<string, DirectoryNode> = new Map();
const NO_LEAVES: ReadonlyMap<string, EntryMark> = new Map();

/** An entry by the directory that it stands in. */
export interface Place {
  readonly directory: DirectoryNode;
  readonly name: string;
}

/** A directory that is watched. Paths are put together from names, so that a move of it moves all that is below. */
export class DirectoryNode {
  static #count = 0;
  /** Another one for each. */
  readonly id = (DirectoryNode.#count += 1);
  /** Of the root its path. */
  name: string;
  parent: DirectoryNode | undefined;
  mark: EntryMark = markOfType('directory');
  watch: Disposable | undefined;
  /** It is gone for good, with all that is below. */
  isReleased = false;
  #directories: Map<string, DirectoryNode> | undefined;
  #leaves: Map<string, EntryMark> | undefined;

  constructor(name: string, parent?: DirectoryNode) {
    this.name = name;
    this.parent = parent;
  }

  get path(): string {
    return this.parent === undefined ? this.name : this.parent.pathOf(this.name);
  }

  pathOf(name: string): string {
    const { path } = this;
    return path.endsWith('/') ? path + name : `${path}/${name}`;
  }

  /** Relative to the root, `''` for the root itself. */
  get relativePath(): string {
    return this.parent === undefined ? '' : this.parent.relativePathOf(this.name);
  }

  relativePathOf(name: string): string {
    return this.parent === undefined ? name : `${this.relativePath}/${name}`;
  }

  /** Whether this is the other directory or stands somewhere below it. */
  isIn(other: DirectoryNode): boolean {
    return this === other || (this.parent?.isIn(other) ?? false);
  }

  /** The root, or the directory above that is gone or has no known place at the moment. */
  get top(): DirectoryNode {
    return this.parent?.top ?? this;
  }

  /** The watched directories in it. */
  get directories(): ReadonlyMap<string, DirectoryNode> {
    return this.#directories ?? NO_DIRECTORIES;
  }

  /** Everything else in it that is remembered. */
  get leaves(): ReadonlyMap<string, EntryMark> {
    return this.#leaves ?? NO_LEAVES;
  }

  /** The mark of what is known under that name. */
  markOf(name: string): EntryMark | undefined {
    return this.#directories?.get(name)?.mark ?? this.#leaves?.get(name);
  }

  attach(node: DirectoryNode, name: string): void {
    node.name = name;
    node.parent = this;
    (this.#directories ??= new Map()).set(name, node);
  }

  setLeaf(name: string, mark: EntryMark): void {
    (this.#leaves ??= new Map()).set(name, mark);
  }

  /** Forgets the name; the directory that it was the name of, if it was watched, no longer has a parent. */
  detach(name: string): DirectoryNode | undefined {
    this.#leaves?.delete(name);
    const node = this.#directories?.get(name);
    if (!node) return undefined;
    this.#directories?.delete(name);
    node.parent = undefined;
    return node;
  }

  forgetLeaves(): void {
    this.#leaves = undefined;
  }
}

/** Everything known below a directory that has that path, what stands in a directory before the directory itself. */
export function* entriesBelow(
  node: DirectoryNode,
  path: string,
): Generator<{ path: string; mark: EntryMark }> {
  for (const [name, below] of node.directories) {
    const belowPath = `${path}/${name}`;
    yield* entriesBelow(below, belowPath);
    yield { path: belowPath, mark: below.mark };
  }
  for (const [name, mark] of node.leaves) yield { path: `${path}/${name}`, mark };
}

/** Ends the watches of a directory and of all below it. */
export async function endWatches(node: DirectoryNode, slice: TimeSlice): Promise<void> {
  const pending = [node];
  for (let next = pending.pop(); next; next = pending.pop()) {
    next.watch?.[Symbol.dispose]();
    next.watch = undefined;
    for (const below of next.directories.values()) pending.push(below);
    await slice.pause();
  }
}
