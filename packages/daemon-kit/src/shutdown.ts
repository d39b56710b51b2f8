/** The signals that ask a daemon to end. */
const END_SIGNALS = ['SIGTERM', 'SIGINT'] as const;

/**
 * Resolves with the first SIGTERM or SIGINT. A second one ends the process at once with 128 + its number, so that an
 * impatient operator is never held up by a slow clean-up.
 */
export function shutdownRequested(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let asked = false;
    for (const signal of END_SIGNALS) {
      process.on(signal, () => {
        if (asked) process.exit(signal === 'SIGTERM' ? 143 : 130);
        asked = true;
        resolve(signal);
      });
    }
  });
}

/** Ends the process with `code` if it is still there after `ms`; the returned disposable calls that off. */
export function hardDeadline(ms: number, code: number): Disposable {
  const timer = setTimeout(() => process.exit(code), ms);
  timer.unref();
  return { [Symbol.dispose]: () => clearTimeout(timer) };
}
