import { writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'vitest';
import { descendantsOf } from './processes.ts';
import type { Serve } from './serve.ts';
import { until } from './until.ts';

/** A way to leave the leader. */
interface Escape {
  readonly name: string;
  /** A piece of a script. What it leaves behind notes its pid in the file `$1`. */
  readonly text: string;
}

/** `sh -c` that notes its own pid in `$1` and then sleeps: what an escapee becomes. */
const NOTED_SLEEP = `sh -c 'echo $$ >> "$0"; exec sleep 300' "$1"`;
/** Everything that could tell whom it came from is thrown away. */
const DAEMON = '</dev/null >/dev/null 2>&1';

/** All of them leave one process behind. */
export const ESCAPES: readonly Escape[] = [
  { name: 'a child', text: `${NOTED_SLEEP} &` },
  { name: 'a grandchild whose parent is gone', text: `(${NOTED_SLEEP} &)` },
  { name: 'a child in a session of its own', text: `setsid ${NOTED_SLEEP} &` },
  { name: 'a daemon: forked twice, session of its own', text: `(setsid ${NOTED_SLEEP} ${DAEMON} &)` },
  { name: 'a child without environment', text: `env -i ${NOTED_SLEEP} &` },
  { name: 'a child without environment, in a session', text: `env -i setsid ${NOTED_SLEEP} ${DAEMON} &` },
  { name: 'a daemon without environment', text: `(env -i setsid ${NOTED_SLEEP} ${DAEMON} &)` },
  {
    name: 'a daemon without environment below another one that is gone',
    text: `(env -i setsid sh -c 'setsid sh -c '\\''echo $$ >> "$0"; exec sleep 300'\\'' "$0" & sleep 0.01' "$1" ${DAEMON} &)`,
  },
  {
    name: 'a daemon that ignores SIGTERM',
    text: `(setsid sh -c 'trap "" TERM HUP INT; echo $$ >> "$0"; while :; do sleep 300; done' "$1" ${DAEMON} &)`,
  },
  { name: 'a stopped process', text: `sh -c 'echo $$ >> "$0"; kill -STOP $$; exec sleep 300' "$1" &` },
];

/** How often nothing must be found before it is believed: who ends all the time is easily missed. */
const EMPTY_LOOKS = 20;

/** Expects that nothing is below the shim, and that nothing comes back. */
export async function staysEmpty(serve: Serve): Promise<void> {
  for (let look = 0; look < EMPTY_LOOKS; look++) {
    expect(descendantsOf(serve.pid)).toEqual([]);
    await delay(1);
  }
}

/** Waits until nothing is below the shim, and nothing comes back. */
export async function becomesEmpty(serve: Serve): Promise<void> {
  let looks = 0;
  await until(() => {
    looks = descendantsOf(serve.pid).length === 0 ? looks + 1 : 0;
    return looks === EMPTY_LOOKS;
  });
}

/** A file that processes look for before they go on; without it they end. */
export interface Permit extends AsyncDisposable {
  readonly path: string;
}

/** Gives a permit that ends with its scope. */
export function permitIn(directory: string): Permit {
  const path = join(directory, 'permit');
  writeFileSync(path, '');
  return { path, [Symbol.asyncDispose]: () => rm(path, { force: true }) };
}

/**
 * A script that starts its successor and ends, over and over: nobody who looks finds the same process twice. `$0` is the
 * permit, `$1` the script itself.
 */
export const HOP = hopping('setsid');
/** The same without environment. */
export const BARE_HOP = hopping('env -i PATH=/usr/bin:/bin setsid');

function hopping(run: string): string {
  return `[ -e "$0" ] && { ${run} sh -c "$1" "$0" "$1" ${DAEMON} & }`;
}
