import { ServiceError } from '@pod-agent/daemon-kit/service-error';

/**
 * Lets a few searches work at a time; others wait for their turn, in the order in which they came. One that waits for
 * its client lets the next one work.
 */
export class SearchTurns {
  readonly #workingLimit: number;
  readonly #presentLimit: number;
  readonly #waiting: (() => void)[] = [];
  #working = 0;
  #present = 0;

  /** How many work at a time, and how many more may wait, for their turn or for their client. */
  constructor(limits: { working: number; waiting: number }) {
    this.#workingLimit = limits.working;
    this.#presentLimit = limits.working + limits.waiting;
  }

  /**
   * Resolves when it is the caller's turn, which ends with its disposal. Throws 503 when too many wait already, and the
   * signal's reason when it aborts.
   */
  async take(signal: AbortSignal): Promise<SearchTurn> {
    if (this.#present >= this.#presentLimit) {
      const message = `${this.#present} searches are under way or wait already`;
      throw new ServiceError('unavailable', 'SERVICE_UNAVAILABLE', message);
    }
    this.#present += 1;
    const turn = new SearchTurn(
      (aborted) => this.#begin(aborted),
      () => this.#end(),
      () => void (this.#present -= 1),
    );
    try {
      await turn.resume(signal);
      return turn;
    } catch (error) {
      turn[Symbol.dispose]();
      throw error;
    }
  }

  async #begin(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#working < this.#workingLimit) {
      this.#working += 1;
      return;
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const leave = () => {
      this.#waiting.splice(this.#waiting.indexOf(resolve), 1);
      reject(signal.reason as Error);
    };
    this.#waiting.push(resolve);
    signal.addEventListener('abort', leave, { once: true });
    await promise.finally(() => signal.removeEventListener('abort', leave));
  }

  /** Whoever waits longest takes the place over. */
  #end(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#working -= 1;
  }
}

/** The right to work. */
export class SearchTurn implements Disposable {
  readonly #begin: (signal: AbortSignal) => Promise<void>;
  readonly #end: () => void;
  readonly #leave: () => void;
  #isWorking = false;

  constructor(begin: (signal: AbortSignal) => Promise<void>, end: () => void, leave: () => void) {
    this.#begin = begin;
    this.#end = end;
    this.#leave = leave;
  }

  /** Lets another one work. */
  pause(): void {
    if (!this.#isWorking) return;
    this.#isWorking = false;
    this.#end();
  }

  /** Resolves when it may go on; throws the signal's reason when it aborts. */
  async resume(signal: AbortSignal): Promise<void> {
    await this.#begin(signal);
    this.#isWorking = true;
  }

  [Symbol.dispose](): void {
    this.pause();
    this.#leave();
  }
}
