import { constants } from 'node:os';

const NUMBERS = constants.signals as Readonly<Record<string, number>>;

/** `SIGTERM` for `SIGTERM`, `TERM`, `term` or 15; undefined for what is no signal of this system. */
export function signalName(signal: string | number): NodeJS.Signals | undefined {
  const name = typeof signal === 'number' ? nameOfNumber(signal) : fullName(signal);
  return name !== undefined && name in NUMBERS ? (name as NodeJS.Signals) : undefined;
}

function fullName(name: string): string | undefined {
  if (/^\d+$/.test(name)) return nameOfNumber(Number(name));
  const upper = name.toUpperCase();
  return upper.startsWith('SIG') ? upper : `SIG${upper}`;
}

function nameOfNumber(number: number): string | undefined {
  return Object.keys(NUMBERS).find((name) => NUMBERS[name] === number);
}
