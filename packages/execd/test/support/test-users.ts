import { readFileSync } from 'node:fs';

/** Whether the tests may run commands as somebody else. */
export const isRoot = process.getuid?.() === 0;

let users = 0;

/** A uid that nobody else uses, so that the processes of a test are all that it has. */
export function ownUser(): number {
  users += 1;
  return 1_000_000 + (process.pid % 1_000_000) * 100 + users;
}

/** Whether this process, and what it starts, has the capability with this number. */
export function hasCapability(number: number): boolean {
  const [, mask = '0'] = /^CapEff:\s+([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
  return (BigInt(`0x${mask}`) >> BigInt(number)) % 2n === 1n;
}
