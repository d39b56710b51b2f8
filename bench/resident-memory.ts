import type { ServerUnderTest } from './server.ts';

/** How long a started server is left alone before its memory counts as idle. */
export const IDLE_AFTER_MS = 2_000;

const MEMORY_POLL_MS = 50;

/** Looks at the memory now and then until it is disposed. */
export interface ResidentPeakWatch extends Disposable {
  /** The most that was seen so far, and now; throws if the server has ended. */
  peakBytes(): number;
}

/** Begins to look at the server's resident memory, every 50 ms. */
export function watchResidentPeak(server: ServerUnderTest): ResidentPeakWatch {
  let peakBytes = 0;
  const look = (): number => {
    peakBytes = Math.max(peakBytes, server.memoryUsage().residentBytes);
    return peakBytes;
  };
  const timer = setInterval(() => {
    try {
      look();
    } catch {
      clearInterval(timer); // the server has ended, which its clients report
    }
  }, MEMORY_POLL_MS);
  return { peakBytes: look, [Symbol.dispose]: () => clearInterval(timer) };
}
