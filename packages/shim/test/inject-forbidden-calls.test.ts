import { expect, test } from 'vitest';
import { compiledShim } from './support/compiled-shim.ts';
import { buildTestProgram } from './support/native-program.ts';
import { isAsleep, pictureOf } from './support/process-picture.ts';
import { until } from './support/until.ts';
import { SIDECAR_SHIM, expectInjected, injectInPod } from './support/injector.ts';
import { startPod, whyNoPod } from './support/pod.ts';
import type { Pod } from './support/pod.ts';
import type { ForbiddenCalls } from './support/seccomp-profile.ts';

const reason = await whyNoPod();
const METHODS = ['fork', 'clone_vm'] as const;
const EPERM = 1;

test.beforeEach(({ skip }) => skip(reason !== undefined, reason));

for (const method of METHODS) {
  for (const name of ['clone', 'memfd_create', 'execveat', 'mmap'] as const) {
    for (const forbidden of [{ refusedCalls: [name] }, { trappedCalls: [name] }]) {
      const [how = ''] = Object.keys(forbidden);
      test(`E3: ${name} among the ${how} of the container: by ${method} the target stays as it was`, async () => {
        await using pod = await podWithout(forbidden);
        const { machinePid } = pod.main;
        await until(() => isAsleep(machinePid));
        const before = pictureOf(machinePid);
        const result = await inject(pod, method);
        expect(result).toMatchObject({ step: name, errno: EPERM });
        await until(() => isAsleep(machinePid));
        expect(pictureOf(machinePid)).toEqual(before);
        const { stdout } = await pod.sidecar.run(['/bin/busybox', 'ps', '-o', 'args']);
        expect(stdout).not.toMatch(/shim|token-reader/);
      });
    }
  }

  test(`E3: without close_range, as under old profiles, the resident has no descriptors of the target by ${method}`, async () => {
    await using pod = await podWithout({ refusedCalls: ['close_range'] });
    const { pid } = expectInjected(await inject(pod, method));
    const { stdout } = await pod.main.run(['/bin/busybox', 'ls', `/proc/${pid}/fd`]);
    expect(stdout).toBe('0\n1\n2\n3\n');
  });

  test(`E3: where the sidecar may not take descriptors, as before Linux 5.6, it opens them by ${method}`, async () => {
    await using pod = await podWithout({}, { refusedCalls: ['pidfd_getfd'] });
    expectInjected(await inject(pod, method));
  });

  test(`E3: where wait4 is trapped, the target lives on with a zombie by ${method}`, async () => {
    await using pod = await podWithout({ trappedCalls: ['wait4'] });
    const { machinePid } = pod.main;
    await until(() => isAsleep(machinePid));
    const before = { ...pictureOf(machinePid), children: [] };
    expect(await inject(pod, method)).toMatchObject({ step: 'wait4', errno: EPERM });
    await until(() => isAsleep(machinePid));
    expect({ ...pictureOf(machinePid), children: [] }).toEqual(before);
  });
}

function inject(pod: Pod, method: (typeof METHODS)[number]): ReturnType<typeof injectInPod> {
  return injectInPod(pod, {
    target: pod.main.pid,
    donor: 'self',
    method,
    program: '/token-reader',
    args: ['hold'],
  });
}

/** The main container makes a call that waits. */
function podWithout(forbidden: ForbiddenCalls, forbiddenInSidecar: ForbiddenCalls = {}): Promise<Pod> {
  return startPod({
    main: {
      args: ['/blocked-call', 'read'],
      binds: { '/blocked-call': buildTestProgram('blocked-call') },
      ...forbidden,
    },
    sidecar: {
      binds: { [SIDECAR_SHIM]: compiledShim('release'), '/token-reader': buildTestProgram('token-reader') },
      ...forbiddenInSidecar,
    },
  });
}
