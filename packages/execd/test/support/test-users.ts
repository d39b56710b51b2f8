import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Whether the tests may run commands as somebody else. */
export const isRoot = process.getuid?.() === 0;

let users = 0;

/** A uid that nobody else uses, so that the processes of a test are all that it has. */
export function ownUser(): number {
  users += 1;
  return 1_000_000 + (process.pid % 1_000_000) * 100 + users;
}

/** Ends all processes of that user at once, which no bomb outruns: one kill(2) for everybody whom the user may signal. */
export function killAllOf(uid: number): void {
  const identity = ['--reuid', String(uid), '--regid', String(uid), '--clear-groups'];
  execFileSync('setpriv', [...identity, '/bin/sh', '-c', 'kill -KILL -1 || :'], { stdio: 'ignore' });
}

/** Whether this process, and what it starts, has the capability with this number. */
export function hasCapability(number: number): boolean {
  const [, mask = '0'] = /^CapEff:\s+([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
  return (BigInt(`0x${mask}`) >> BigInt(number)) % 2n === 1n;
}
