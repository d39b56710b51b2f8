import type { DirectoryNode, Place } from './directory-node.ts';
import type { EntryMark } from './entry-mark.ts';

/** How many entries all trees together may remember. */
export class EntryBudget {
  #left: number;

  constructor(limit: number) {
    this.#left = limit;
  }

  take(): boolean {
    if (this.#left <= 0) return false;
    this.#left -= 1;
    return true;
  }

  give(count: number): void {
    this.#left += count;
  }
}

/**
 * What is known of a tree: every entry while the budget lasts. After that it is compact: the watched directories only,
 * and for a moment what was found in a new one.
 */
export class TreeSnapshot implements Disposable {
  readonly root: DirectoryNode;
  readonly #budget: EntryBudget;
  #taken = 0;
  #entries = 0;
  #isCompact = false;
  #fresh = new Set<DirectoryNode>();

  constructor(root: DirectoryNode, budget: EntryBudget) {
    this.root = root;
    this.#budget = budget;
  }

  get isCompact(): boolean {
    return this.#isCompact;
  }

  /** Entries below the root; about, when the tree is compact. */
  get entries(): number {
    return this.#entries;
  }

  isAttached(directory: DirectoryNode): boolean {
    return directory.top === this.root;
  }

  /** Counts a new entry and remembers it. */
  add({ directory, name }: Place, mark: EntryMark, node?: DirectoryNode): void {
    this.#entries += 1;
    if (!this.#isCompact) {
      if (this.#budget.take()) this.#taken += 1;
      else this.#becomeCompact();
    }
    this.put({ directory, name }, mark, node);
  }

  /** Remembers what stands there now, without counting it. */
  put({ directory, name }: Place, mark: EntryMark, node?: DirectoryNode): void {
    if (node) {
      node.mark = mark;
      directory.detach(name);
      directory.attach(node, name);
    } else if (!this.#isCompact || this.#fresh.has(directory)) {
      directory.setLeaf(name, mark);
    }
  }

  /** Counts an entry that is gone for good, and may have been remembered. */
  discount(): void {
    if (this.#entries > 0) this.#entries -= 1;
    if (this.#taken === 0) return;
    this.#taken -= 1;
    this.#budget.give(1);
  }

  /** While the tree is compact: remembers what is in this directory until `forgetFresh`. */
  keepFresh(directory: DirectoryNode): void {
    if (this.#isCompact) this.#fresh.add(directory);
  }

  isFresh(directory: DirectoryNode): boolean {
    return this.#fresh.has(directory);
  }

  /** The directories that are fresh by now; given back to `forgetFresh` when what was said about them is over. */
  get fresh(): readonly DirectoryNode[] {
    return [...this.#fresh];
  }

  forgetFresh(directories: readonly DirectoryNode[]): void {
    for (const directory of directories) {
      directory.forgetLeaves();
      this.#fresh.delete(directory);
    }
  }

  [Symbol.dispose](): void {
    this.#budget.give(this.#taken);
    this.#taken = 0;
  }

  #becomeCompact(): void {
    this.#isCompact = true;
    this[Symbol.dispose]();
    const pending = [this.root];
    for (let node = pending.pop(); node; node = pending.pop()) {
      node.forgetLeaves();
      for (const below of node.directories.values()) pending.push(below);
    }
  }
}
