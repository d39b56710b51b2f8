import { constants } from 'node:fs';
import type { Stats } from 'node:fs';
import { access } from 'node:fs/promises';
import { basename } from 'node:path';
import { ServiceError } from '@pod-agent/daemon-kit/service-error';
import { fileCalls } from '../filesystem/file-calls.ts';
import { fileFailure, fileNotFound, invalidRequest } from '../filesystem/file-failure.ts';
import { walk } from '../filesystem/walk.ts';
import type { VisitResult, WalkEntry, WalkedDirectory } from '../filesystem/walk.ts';
import type { EntryPattern, NamedEntry } from './entry-pattern.ts';
import { GrepFeed } from './grep-feed.ts';
import type { GrepSink } from './grep-feed.ts';
import { GrepThread, GrepThreadError } from './grep-thread.ts';
import type { LinePattern } from './line-pattern.ts';
import type { GrepSummary } from './schema.ts';
import type { SearchTurns } from './search-turns.ts';

/** What is looked for, and where. */
export interface ContentSearchRequest {
  /** Absolute; a directory or a file, or a link to one. */
  readonly root: string;
  readonly pattern: LinePattern;
  /** Only files that match one of these; all when there is none. */
  readonly globs: readonly EntryPattern[];
  /** Files, and directories with all that is below them, that are left out. */
  readonly excluded: readonly EntryPattern[];
  readonly hidden: boolean;
  /** Says for the real path of what a symbolic link leads to whether it may be followed; without it none is. */
  readonly follow: ((realPath: string) => boolean) | undefined;
  readonly maxMatches: number;
  readonly maxMatchesPerFile: number;
}

/** Where the lines go. */
export interface LineSink extends GrepSink {
  /** From here on a failure can no longer be an error answer. */
  begin(): void;
}

/**
 * Finds lines of text below a root. The tree is walked here; files are read and matched in a thread, which can be ended
 * whatever the pattern does to it.
 */
export class ContentSearch {
  readonly #request: ContentSearchRequest;
  readonly #turns: SearchTurns;
  #skippedDirectories = 0;

  constructor(request: ContentSearchRequest, turns: SearchTurns) {
    this.#request = request;
    this.#turns = turns;
  }

  /**
   * Writes a line of JSON for each line that matches, and a last one: the totals, or an error when the thread could not
   * go on. Throws a ServiceError before anything was written: no root 404, root not readable 403, neither file nor
   * directory 400, bad pattern 400, too many searches 503; and the signal's reason when it aborts.
   */
  async run(sink: LineSink, signal: AbortSignal): Promise<void> {
    const stats = await this.#lookAtRoot();
    using turn = await this.#turns.take(signal);
    await using thread = await this.#startThread(stats.isDirectory(), signal);
    sink.begin();
    const feed = new GrepFeed({ thread, turn, sink, signal });
    try {
      if (stats.isDirectory()) await this.#walk(feed);
      else this.#offerRoot(feed);
      await feed.flush();
      await feed.searched();
      // Nobody waits for the client any more: the next search may begin.
      void sink.write(`${JSON.stringify({ summary: this.#summary(feed) })}\n`);
    } catch (error) {
      if (!(error instanceof GrepThreadError)) throw error;
      const { code, message } = error;
      void sink.write(`${JSON.stringify({ error: { code, message } })}\n`);
    }
  }

  async #lookAtRoot(): Promise<Stats> {
    const { root } = this.#request;
    try {
      const stats = await fileCalls().stat(root);
      if (stats === undefined) throw fileNotFound(`file not found: ${root}`);
      if (!stats.isFile() && !stats.isDirectory())
        throw invalidRequest(`neither a file nor a directory: ${root}`);
      await access(root, constants.R_OK);
      return stats;
    } catch (error) {
      throw fileFailure(error, 'error searching files');
    }
  }

  async #startThread(isDirectory: boolean, signal: AbortSignal): Promise<GrepThread> {
    const { pattern, maxMatches, maxMatchesPerFile, follow } = this.#request;
    const { O_RDONLY, O_NONBLOCK, O_NOCTTY, O_NOFOLLOW } = constants;
    // What was a file when it was found may be a FIFO by now, or a link.
    const openFlags = O_RDONLY | O_NONBLOCK | O_NOCTTY | (isDirectory && !follow ? O_NOFOLLOW : 0);
    await using stack = new AsyncDisposableStack();
    const thread = stack.use(new GrepThread({ ...pattern, maxMatches, maxMatchesPerFile, openFlags }));
    try {
      await thread.ready(signal);
    } catch (error) {
      throw error instanceof GrepThreadError ? startFailure(error) : error;
    }
    stack.move();
    return thread;
  }

  async #walk(feed: GrepFeed): Promise<void> {
    const { root, hidden, follow } = this.#request;
    const visitor = {
      visit: (entry: WalkEntry) => this.#visit(entry, feed),
      leave: (directory: WalkedDirectory) => leave(directory, feed),
      unreadable: () => void (this.#skippedDirectories += 1),
    };
    await walk(root, visitor, { hidden, signal: feed.signal, ...(follow ? { follow } : {}) });
  }

  #visit(entry: WalkEntry, feed: GrepFeed): VisitResult | Promise<VisitResult> {
    if (this.#request.excluded.some((pattern) => pattern.matches(entry))) return false;
    if (entry.type !== 'file' || !this.#isWanted(entry)) return;
    return feed.add({ path: entry.path, accessPath: entry.accessPath });
  }

  #offerRoot(feed: GrepFeed): void {
    const { root } = this.#request;
    const name = basename(root);
    if (this.#isWanted({ name, relativePath: name })) void feed.add({ path: root, accessPath: root });
  }

  #isWanted(entry: NamedEntry): boolean {
    const { globs } = this.#request;
    return globs.length === 0 || globs.some((pattern) => pattern.matches(entry));
  }

  #summary({ counts }: GrepFeed): GrepSummary {
    return {
      files: counts.files,
      matches: counts.matches,
      skipped: counts.skipped + this.#skippedDirectories,
      binary: counts.binary,
      long_lines: counts.longLines,
      truncated: counts.truncated,
    };
  }
}

/** Some patterns are refused only when they are first used: for their size, for instance. */
function startFailure(error: GrepThreadError): ServiceError {
  const { message, cause, code } = error;
  const isPattern =
    code === 'PATTERN_TOO_SLOW' || cause instanceof SyntaxError || cause instanceof RangeError;
  if (isPattern) return invalidRequest(message, error);
  return new ServiceError('internal', 'RUNTIME_ERROR', `error searching files: ${message}`, { cause: error });
}

/** The access path of something deep goes through a descriptor, which is closed now. */
async function leave({ path, accessPath }: WalkedDirectory, feed: GrepFeed): Promise<void> {
  if (path === accessPath) return;
  await feed.flush();
  await feed.searched();
}
