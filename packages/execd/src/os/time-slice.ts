import { setImmediate as nextTurn } from 'node:timers/promises';

/** How long the event loop may stand still for one piece of work, ms. */
const SLICE_MS = 8;

/** Lets other requests have a turn now and then in long work that consists of quick calls. */
export class TimeSlice {
  #end = performance.now() + SLICE_MS;

  /** It is time for the others. */
  get isOver(): boolean {
    return performance.now() > this.#end;
  }

  /** A promise when it is time for the others. */
  pause(): Promise<void> | undefined {
    return this.isOver ? this.#yield() : undefined;
  }

  async #yield(): Promise<void> {
    await nextTurn();
    this.#end = performance.now() + SLICE_MS;
  }
}
