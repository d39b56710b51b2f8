import { readFileSync } from 'node:fs';

/** The flag of a listening socket in /proc/net/unix. */
const LISTENING = '00010000';

/** A name for `--listen` that nobody else has and that needs no file. */
export function abstractName(): string {
  return `@shim-test-${crypto.randomUUID()}`;
}

/** As a client of Node names it: an abstract name begins with NUL. */
export function addressOf(listen: string): string {
  return listen.replace(/^@/, '\0');
}

/** Whether somebody listens there. */
export function listens(listen: string): boolean {
  const lines = readFileSync('/proc/net/unix', 'utf8').split('\n');
  return lines.some((line) => {
    const fields = line.split(' ').filter((field) => field !== '');
    return fields[3] === LISTENING && fields[7] === listen;
  });
}
