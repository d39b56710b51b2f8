import type { OutputSink } from './process-launcher.ts';

/** Takes the output of a process whose successor is not known yet, and asks for no more of it until then. */
export class HeldOutput {
  readonly #held: Parameters<OutputSink>[] = [];
  readonly #passedOn = Promise.withResolvers<void>();
  #target: OutputSink | undefined;

  readonly sink: OutputSink = (stream, chunk) => {
    if (this.#target) return this.#target(stream, chunk);
    this.#held.push([stream, chunk]);
    return this.#passedOn.promise;
  };

  /** What was held goes to the target, and what comes. */
  passOn(target: OutputSink): void {
    this.#target = target;
    for (const [stream, chunk] of this.#held.splice(0)) void target(stream, chunk);
    this.#passedOn.resolve();
  }
}
