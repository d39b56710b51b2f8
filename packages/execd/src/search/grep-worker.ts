import type * as FileSystem from 'node:fs';
import type { MessagePort } from 'node:worker_threads';

/** What one worker looks for. */
export interface GrepSettings {
  /** Of a JavaScript regular expression. */
  readonly source: string;
  readonly flags: string;
  /** Bytes that stand in every line that matches; parts of files without them are not decoded. */
  readonly literal: Uint8Array | undefined;
  readonly maxMatches: number;
  readonly maxMatchesPerFile: number;
  /** For open(2). */
  readonly openFlags: number;
  /** One number, raised when matching begins and when it ends: odd while it goes on. */
  readonly progress: Int32Array<SharedArrayBuffer>;
}

/** A file to look into. */
export interface GrepFile {
  /** As it is shown. */
  readonly path: string;
  readonly accessPath: string;
}

/** Totals since the start. */
export interface GrepCounts {
  /** Searched to the end, or to the limit of a file. */
  files: number;
  matches: number;
  /** Could not be read. */
  skipped: number;
  binary: number;
  /** Lines of which only the first MiB was searched. */
  longLines: number;
  /** There is a match that was not handed out because of `maxMatches`. */
  truncated: boolean;
}

/** What the worker answers: lines of JSON, and whether the files that it was given are done. */
export interface GrepStep {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly counts: GrepCounts;
  readonly isDone: boolean;
}

/**
 * Searches files, in a thread of its own: a regular expression cannot be interrupted, but a thread can be ended. It
 * asks for nothing: given files, or `undefined` to go on, it answers with one step of about 64 KiB, and then waits; so
 * a client that does not read holds it up.
 *
 * The class is handed to the thread as text (`grepWorkerSource`), since execd is one file, in which a thread finds no
 * file to start from. So it uses nothing but its parameters and what every thread has: no import, no constant of
 * this module, not even its own name.
 */
class GrepWorker {
  readonly #chunkBytes = 1024 * 1024;
  /** A NUL in the first so many bytes makes a file binary. */
  readonly #binaryBytes = 32 * 1024;
  readonly #stepCharacters = 64 * 1024;
  /** Characters of a line that are handed out, and how many of them stand before the match. */
  readonly #textCharacters = 4096;
  readonly #charactersBefore = 1024;

  readonly #files: typeof FileSystem;
  readonly #settings: GrepSettings;
  readonly #pattern: RegExp;
  readonly #buffer = Buffer.allocUnsafeSlow(this.#chunkBytes);
  readonly #counts: GrepCounts = {
    files: 0,
    matches: 0,
    skipped: 0,
    binary: 0,
    longLines: 0,
    truncated: false,
  };
  #output = '';
  /** The beginning of every line of JSON about the file. */
  #fileJson = '';
  #line = 1;
  #matchesInFile = 0;

  /** Throws for a pattern that cannot be compiled; some are refused only when they are first used. */
  constructor(files: typeof FileSystem, settings: GrepSettings) {
    this.#files = files;
    this.#settings = settings;
    this.#pattern = new RegExp(settings.source, settings.flags);
    this.#countProgress();
    this.#pattern.exec('');
    this.#countProgress();
  }

  serve(port: MessagePort): void {
    let search = this.#search([]);
    const answer = (files: readonly GrepFile[] | undefined) => {
      if (files) search = this.#search(files);
      const isDone = search.next().done === true;
      const bytes = new TextEncoder().encode(this.#output);
      this.#output = '';
      port.postMessage({ bytes, counts: this.#counts, isDone } satisfies GrepStep, [bytes.buffer]);
    };
    port.on('message', answer);
    // The first answer, without files, tells that the pattern is good.
    answer(undefined);
  }

  *#search(files: readonly GrepFile[]): Generator<undefined, void> {
    for (const file of files) {
      if (this.#counts.truncated) return;
      yield* this.#searchFile(file);
    }
  }

  *#searchFile({ path, accessPath }: GrepFile): Generator<undefined, void> {
    let descriptor: number | undefined;
    try {
      descriptor = this.#files.openSync(accessPath, this.#settings.openFlags);
      const stats = this.#files.fstatSync(descriptor);
      if (!stats.isFile()) throw new Error('became something else');
      this.#fileJson = `{"path":${JSON.stringify(path)}`;
      this.#line = 1;
      this.#matchesInFile = 0;
      yield* this.#searchContent(descriptor, stats.size);
    } catch (error) {
      // Some patterns are refused only when they are first used on a text.
      if (error instanceof SyntaxError) throw error;
      // Gone, not readable, or a line on which the pattern needs more stack than there is.
      this.#counts.skipped += 1;
    } finally {
      if (descriptor !== undefined) this.#files.closeSync(descriptor);
    }
  }

  *#searchContent(descriptor: number, size: number): Generator<undefined, void> {
    const buffer = this.#buffer;
    let position = 0;
    let filled = 0;
    let isInLongLine = false;
    while (!this.#isFileDone) {
      const read = this.#files.readSync(descriptor, buffer, filled, buffer.length - filled, null);
      if (position === 0 && buffer.subarray(0, Math.min(read, this.#binaryBytes)).includes(0)) {
        this.#counts.binary += 1;
        return;
      }
      position += read;
      filled += read;
      // What is generated, in /proc for instance, has the size 0.
      const isAtEnd = read === 0 || (size > 0 && position >= size);
      const start: number = isInLongLine ? this.#behindLineFeed(filled) : 0;
      isInLongLine &&= start === 0;
      if (isInLongLine) {
        if (isAtEnd) break;
        filled = 0;
        continue;
      }
      const end = isAtEnd ? filled : buffer.lastIndexOf(10, filled - 1) + 1;
      if (start < end) yield* this.#searchLines(start, end, isAtEnd);
      if (isAtEnd) break;
      buffer.copyWithin(0, end, filled);
      filled -= end;
      if (filled < buffer.length) continue;
      yield* this.#searchLongLine();
      isInLongLine = true;
      filled = 0;
    }
    this.#counts.files += 1;
  }

  /** 0 when there is no line feed. */
  #behindLineFeed(filled: number): number {
    const start = this.#buffer.subarray(0, filled).indexOf(10) + 1;
    if (start > 0) this.#line += 1;
    return start;
  }

  *#searchLongLine(): Generator<undefined, void> {
    const { literal } = this.#settings;
    this.#counts.longLines += 1;
    if (literal && this.#buffer.indexOf(literal) < 0) return;
    this.#countProgress();
    // A character may be cut in two at the end, and is left out then.
    const text = this.#buffer.toString('utf8').replace(/\uFFFD$/u, '');
    try {
      if (this.#searchLine(text)) yield* this.#handOver();
    } finally {
      this.#countProgress();
    }
  }

  *#searchLines(start: number, end: number, isLast: boolean): Generator<undefined, void> {
    const { literal } = this.#settings;
    this.#countProgress();
    try {
      if (literal) yield* this.#searchAround(literal, this.#buffer.subarray(0, end), start, isLast);
      else yield* this.#searchEach(this.#buffer.toString('utf8', start, end));
    } finally {
      this.#countProgress();
    }
  }

  *#searchEach(text: string): Generator<undefined, void> {
    for (let from = 0; from < text.length && !this.#isFileDone;) {
      const feed = text.indexOf('\n', from);
      const to = feed < 0 ? text.length : feed;
      if (this.#searchLine(text.slice(from, to))) yield* this.#handOver();
      this.#line += 1;
      from = to + 1;
    }
  }

  /** Looks only at lines in which the literal stands. */
  *#searchAround(
    literal: Uint8Array,
    bytes: Buffer,
    start: number,
    isLast: boolean,
  ): Generator<undefined, void> {
    let counted = start;
    let hit = bytes.indexOf(literal, start);
    while (hit >= 0 && !this.#isFileDone) {
      const from = bytes.lastIndexOf(10, hit) + 1;
      const feed = bytes.indexOf(10, from);
      const to = feed < 0 ? bytes.length : feed;
      this.#line += this.#countLineFeeds(bytes, counted, from);
      counted = from;
      if (this.#searchLine(bytes.toString('utf8', from, to))) yield* this.#handOver();
      hit = bytes.indexOf(literal, to + 1);
    }
    if (!isLast) this.#line += this.#countLineFeeds(bytes, counted, bytes.length);
  }

  #countLineFeeds(bytes: Buffer, from: number, to: number): number {
    let count = 0;
    for (let index = from; index < to; index += 1) if (bytes[index] === 10) count += 1;
    return count;
  }

  /** True when there is enough output for a step. */
  #searchLine(text: string): boolean {
    const line = text.endsWith('\r') ? text.slice(0, -1) : text;
    const match = this.#pattern.exec(line);
    if (!match) return false;
    if (this.#counts.matches === this.#settings.maxMatches) {
      this.#counts.truncated = true;
      return false;
    }
    this.#counts.matches += 1;
    this.#matchesInFile += 1;
    const column = this.#countCharacters(line, match.index) + 1;
    this.#output += `${this.#fileJson},"line":${this.#line},"column":${column},${this.#textJson(line, match.index)}}\n`;
    return this.#output.length >= this.#stepCharacters;
  }

  #textJson(line: string, index: number): string {
    if (line.length <= this.#textCharacters) return `"text":${JSON.stringify(line)}`;
    const from = this.#characterStart(line, Math.max(0, index - this.#charactersBefore));
    const to = this.#characterStart(line, Math.min(line.length, from + this.#textCharacters));
    const column = this.#countCharacters(line, from) + 1;
    return `"text":${JSON.stringify(line.slice(from, to))},"cut":true,"text_column":${column}`;
  }

  /** Not into the middle of a surrogate pair. */
  #characterStart(line: string, index: number): number {
    return (line.charCodeAt(index) & 0xfc00) === 0xdc00 ? index - 1 : index;
  }

  #countCharacters(line: string, end: number): number {
    let count = end;
    for (let index = 0; index < end; index += 1) if ((line.charCodeAt(index) & 0xfc00) === 0xdc00) count -= 1;
    return count;
  }

  get #isFileDone(): boolean {
    return this.#counts.truncated || this.#matchesInFile >= this.#settings.maxMatchesPerFile;
  }

  *#handOver(): Generator<undefined, void> {
    this.#countProgress();
    yield;
    this.#countProgress();
  }

  #countProgress(): void {
    Atomics.add(this.#settings.progress, 0, 1);
  }
}

/** The program of a worker thread. Its `workerData` are GrepSettings. */
export function grepWorkerSource(): string {
  return `'use strict';
const { parentPort, workerData } = require('node:worker_threads');
new (${GrepWorker.toString()})(require('node:fs'), workerData).serve(parentPort);`;
}
