import { constants } from 'node:os';

const NAMES: ReadonlyMap<number, string> = new Map(
  // Of two names for one number the first is the usual one: SIGABRT before SIGIOT, SIGIO before SIGPOLL.
  Object.entries(constants.signals)
    .map(([name, number]) => [number, name] as const)
    .reverse(),
);

const FIRST_REAL_TIME_SIGNAL = 34;

/** `SIGTERM` for 15, `SIGRTMIN+1` for 35 (signal(7)), `SIGRTMIN-2` for 32, which belongs to the C library. */
export function signalNameOf(number: number): string {
  const offset = number - FIRST_REAL_TIME_SIGNAL;
  return NAMES.get(number) ?? `SIGRTMIN${offset < 0 ? '' : '+'}${offset}`;
}
