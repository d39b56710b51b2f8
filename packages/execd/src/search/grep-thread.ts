import { Worker } from 'node:worker_threads';
import { grepWorkerSource } from './grep-worker.ts';
import type { GrepFile, GrepSettings, GrepStep } from './grep-worker.ts';

/** A pattern may take so long (ms) for a MiB of text, or for a line, before it is given up. */
const SLOW_AFTER_MS = 2_000;
const CHECK_INTERVAL_MS = 250;

/** The thread's own heap, MiB; the largest line with its copies takes a tenth of it. */
const HEAP_MIB = 64;

/** The thread could not go on: the pattern is too slow, or needs too much memory. */
export class GrepThreadError extends Error {
  override readonly name = 'GrepThreadError';
  readonly code: 'PATTERN_TOO_SLOW' | 'RUNTIME_ERROR';

  constructor(code: 'PATTERN_TOO_SLOW' | 'RUNTIME_ERROR', message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }
}

/** A thread that searches files with one pattern. Disposing it ends the thread, whatever it is doing. */
export class GrepThread implements AsyncDisposable {
  readonly #worker: Worker;
  readonly #progress = new Int32Array(new SharedArrayBuffer(4));
  #answer = Promise.withResolvers<GrepStep>();

  /** The settings without `progress`, which is between the thread and this. */
  constructor({
    literal,
    ...settings
  }: Omit<GrepSettings, 'progress' | 'literal'> & { literal: string | undefined }) {
    const workerData: GrepSettings = {
      ...settings,
      literal: literal === undefined ? undefined : new TextEncoder().encode(literal),
      progress: this.#progress,
    };
    this.#worker = new Worker(grepWorkerSource(), {
      eval: true,
      name: 'grep',
      workerData,
      env: {},
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MIB, maxYoungGenerationSizeMb: 4 },
    });
    this.#worker.on('message', (step: GrepStep) => this.#answer.resolve(step));
    this.#worker.on('error', (error) => {
      this.#answer.reject(new GrepThreadError('RUNTIME_ERROR', error.message, error));
    });
    this.#answer.promise.catch(() => undefined);
  }

  /** Resolves when the pattern was taken. Rejects with a GrepThreadError, or the signal's reason when it aborts. */
  async ready(signal: AbortSignal): Promise<void> {
    await this.#answered(signal);
  }

  /** Searches these files: steps until one is the last. Rejects as `ready` does. */
  async *search(files: readonly GrepFile[], signal: AbortSignal): AsyncGenerator<GrepStep, void> {
    let request: readonly GrepFile[] | undefined = files;
    for (let isDone = false; !isDone; request = undefined) {
      this.#answer = Promise.withResolvers();
      this.#answer.promise.catch(() => undefined);
      this.#worker.postMessage(request, []);
      const step = await this.#answered(signal);
      yield step;
      isDone = step.isDone;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker.terminate();
  }

  async #answered(signal: AbortSignal): Promise<GrepStep> {
    const { promise, reject } = this.#answer;
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    using _watch = this.#watch(reject);
    return await promise.finally(() => signal.removeEventListener('abort', abort));
  }

  /** A file system may be slow, a pattern must not be: only the time of matching counts. */
  #watch(reject: (error: Error) => void): Disposable {
    let seen = -1;
    let since = 0;
    return setInterval(() => {
      const now = performance.now();
      const progress = Atomics.load(this.#progress, 0);
      if (progress !== seen) since = now;
      seen = progress;
      const isMatching = progress % 2 !== 0;
      if (isMatching && now - since > SLOW_AFTER_MS)
        reject(new GrepThreadError('PATTERN_TOO_SLOW', 'the pattern takes too long on a line of this file'));
    }, CHECK_INTERVAL_MS);
  }
}
