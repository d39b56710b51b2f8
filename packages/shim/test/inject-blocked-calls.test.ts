import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { compiledShim } from './support/compiled-shim.ts';
import { buildTestProgram } from './support/native-program.ts';
import { callOf, isAsleep, pictureOf } from './support/process-picture.ts';
import { until } from './support/until.ts';
import { SIDECAR_SHIM, expectInjected, injectInPod } from './support/injector.ts';
import { startPod, whyNoPod } from './support/pod.ts';
import type { Pod } from './support/pod.ts';
import { pidOnMachine } from './support/pod.ts';

const reason = await whyNoPod();

/** All of these go on after an injection as if nothing had happened. */
const UNDISTURBED = [
  'poll',
  'select',
  'futex',
  'nanosleep',
  'sleep-until',
  'read',
  'write',
  'accept',
  'waitpid',
  'pause',
  'sigsuspend',
  'inotify',
  'eventfd',
  'msgrcv',
  'flock',
  // The system ends these at a stop; they wait without a limit, so the injector has them made again.
  'epoll',
  'sigwaitinfo',
  'semop',
];

/** These have a limit on time, and the system itself ends them at any stop: their programs have to expect EINTR. */
const ENDED = ['epoll-limited', 'recv-limited', 'sigtimedwait-limited', 'semop-limited'];

for (const method of ['fork', 'clone_vm'] as const) {
  test(`E3: a process that waits in a system call waits on after an injection by ${method}`, async ({
    skip,
  }) => {
    skip(reason !== undefined, reason);
    await using pod = await podOfCalls(UNDISTURBED);
    for (const [name, pid] of await processesOf(pod, UNDISTURBED)) {
      const machinePid = pidOnMachine(pod, pid);
      await until(() => isAsleep(machinePid));
      const before = pictureOf(machinePid);
      const { donorPid } = expectInjected(
        await injectInPod(pod, {
          target: pid,
          donor: 'self',
          method,
          program: '/token-reader',
          args: ['hold'],
        }),
      );
      expect(donorPid).toBe(pid);
      await until(() => isAsleep(machinePid));
      expect(pictureOf(machinePid), name).toEqual(before);
      expect(callOf(machinePid), name).toBeGreaterThanOrEqual(0);
    }
    for (const name of UNDISTURBED) expect(outputOf(pod, name), name).toBe('');
  });
}

test('E3: four calls that wait with a limit on time return EINTR, as at any stop', async ({ skip }) => {
  skip(reason !== undefined, reason);
  await using pod = await podOfCalls(ENDED);
  for (const [name, pid] of await processesOf(pod, ENDED)) {
    await until(() => isAsleep(pidOnMachine(pod, pid)));
    expectInjected(
      await injectInPod(pod, { target: pid, donor: 'self', program: '/token-reader', args: ['hold'] }),
    );
    await until(() => outputOf(pod, name) === 'returned -1 errno 4\n');
  }
});

function outputOf(pod: Pod, name: string): string {
  return readFileSync(`/proc/${pod.main.machinePid}/root/work/${name}`, 'utf8');
}

/** A main container that makes all these calls at once, each in a process of its own. */
function podOfCalls(names: readonly string[]): Promise<Pod> {
  const script = `for name in ${names.join(' ')}; do /blocked-call $name >/work/$name & done; wait; exec /bin/busybox sleep 1000000`;
  return startPod({
    main: {
      args: ['/bin/sh', '-c', script],
      binds: { '/blocked-call': buildTestProgram('blocked-call') },
    },
    sidecar: {
      binds: { [SIDECAR_SHIM]: compiledShim('release'), '/token-reader': buildTestProgram('token-reader') },
    },
  });
}

/** The processes that make the calls, by the names of the calls. */
async function processesOf(pod: Pod, names: readonly string[]): Promise<Map<string, number>> {
  const processes = new Map<string, number>();
  await until(async () => {
    const { stdout } = await pod.main.run(['/bin/busybox', 'ps', '-o', 'pid,args']);
    // A call that starts a child has the older process.
    for (const [, pid, name = ''] of [...stdout.matchAll(/^\s*(\d+) \/blocked-call (\S+)$/gm)].reverse())
      processes.set(name, Number(pid));
    return names.every((name) => processes.has(name));
  });
  return processes;
}
