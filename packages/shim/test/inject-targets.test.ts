import { existsSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { compiledShim } from './support/compiled-shim.ts';
import { confinementOf } from './support/confinement.ts';
import { buildTestProgram } from './support/native-program.ts';
import { callOf, isAsleep, pictureOf } from './support/process-picture.ts';
import { childrenOf, statOf } from './support/processes.ts';
import { until } from './support/until.ts';
import type { ContainerOptions } from './support/container-spec.ts';
import { SIDECAR_SHIM, expectInjected, injectInPod } from './support/injector.ts';
import type { InjectRequest } from './support/injector.ts';
import { pidOnMachine, startPod, whyNoPod } from './support/pod.ts';
import type { Pod, PodContainer } from './support/pod.ts';

const reason = await whyNoPod();
const METHODS = ['fork', 'clone_vm'] as const;
const NGINX = '/usr/sbin/nginx';
const RESTART_SYSCALL = 219;

test.beforeEach(({ skip }) => skip(reason !== undefined, reason));

/** Containers that are restricted in the ways in which pods restrict theirs. */
const RESTRICTIONS: Readonly<Record<string, Partial<ContainerOptions>>> = {
  'nothing asked for': {},
  'uid 1000': { uid: 1000 },
  'a read-only root': { readOnlyRoot: true },
  'no capabilities and no new privileges': { dropAllCapabilities: true, noNewPrivileges: true },
  'uid 1000, a read-only root, no capabilities and no new privileges': {
    uid: 1000,
    readOnlyRoot: true,
    dropAllCapabilities: true,
    noNewPrivileges: true,
  },
};

for (const [name, restrictions] of Object.entries(RESTRICTIONS)) {
  for (const method of METHODS) {
    test(`E2: a resident is as confined as its container, by ${method}: ${name}`, async () => {
      await using pod = await startInjectablePod({
        args: ['/bin/busybox', 'sleep', '1000000'],
        environment: { FOO: 'of main' },
        cwd: '/work',
        ...restrictions,
      });
      const { main } = pod;
      await until(() => isAsleep(main.machinePid));
      const before = pictureOf(main.machinePid);
      const result = expectInjected(await injectReader(pod, { target: main.pid, donor: 'self', method }));
      expect(result).toMatchObject({ donorPid: main.pid, method, listen: null });
      const resident = pidOnMachine(pod, result.pid);
      expect(confinementOf(resident)).toEqual(confinementOf(main.machinePid));
      expect(confinementOf(resident).environment).toContain('FOO=of main');
      expect(confinementOf(resident).namespaces).not.toEqual(
        confinementOf(pod.sidecar.machinePid).namespaces,
      );
      expect(statOf(resident)?.parent).toBe(pod.pausePid);
      await until(() => isAsleep(main.machinePid));
      // glibc's processes share a few bytes with the kernel, which says there on what processor they are.
      expect({ ...pictureOf(main.machinePid), memory: '' }).toEqual({ ...before, memory: '' });
      expect(callOf(main.machinePid)).toBe(RESTART_SYSCALL);
    });
  }
}

test('E3: bash goes on reading', async () => {
  const script =
    'mkfifo /tmp/lines; exec 3<>/tmp/lines; echo ready; while read -r l <&3; do echo "got $l"; done';
  await using pod = await startInjectablePod({
    args: ['/usr/bin/bash', '-c', script],
    machinePrograms: true,
  });
  const { main } = pod;
  await until(() => main.output().startsWith('ready'));
  for (const method of METHODS) {
    expectInjected(await injectReader(pod, { target: main.pid, donor: 'self', method }));
    await main.run(['/bin/sh', '-c', `echo after ${method} >/tmp/lines`]);
    await until(() => main.output().endsWith(`got after ${method}\n`));
  }
});

test('E3: nginx answers during and after injections into its master and its worker', async ({ skip }) => {
  skip(!existsSync(NGINX), 'there is no nginx on this machine');
  await using pod = await startInjectablePod({
    args: [NGINX, '-p', '/tmp', '-c', '/nginx.conf', '-e', 'stderr'],
    machinePrograms: true,
    binds: { '/nginx.conf': join(import.meta.dirname, 'support', 'nginx.conf') },
  });
  const master = pod.main.machinePid;
  const socket = `/proc/${master}/root/tmp/nginx.socket`;
  await until(async () => (await statusOf(socket)) === 200);
  const [worker = 0] = childrenOf(master);
  const workerInPod = await podPidOfNginxWorker(pod);
  for (const target of [pod.main.pid, workerInPod, workerInPod]) {
    const [result, status] = await Promise.all([
      injectReader(pod, { target, donor: 'self' }),
      statusOf(socket),
    ]);
    expectInjected(result);
    expect(status).toBe(200);
    expect(await statusOf(socket)).toBe(200);
  }
  expect(childrenOf(master)).toEqual([worker]);
  expect(childrenOf(worker)).toEqual([]);
});

test('E3: python with threads works on', async () => {
  await using pod = await startInjectablePod({
    args: ['/usr/bin/python3', '-u', '/threads.py'],
    machinePrograms: true,
    binds: { '/threads.py': join(import.meta.dirname, 'support', 'threads.py') },
  });
  const { main } = pod;
  await until(() => roundsOf(main) > 0);
  for (const method of [...METHODS, ...METHODS]) {
    expectInjected(await injectReader(pod, { target: main.pid, donor: 'self', method }));
    const rounds = roundsOf(main);
    await until(() => roundsOf(main) > rounds);
  }
  expect(main.output()).not.toContain('Traceback');
});

test('E3: fifty injections in a row leave a busy program with nine threads as it was', async () => {
  await using pod = await startInjectablePod({
    args: ['/allocator', '1', '9'],
    binds: { '/allocator': buildTestProgram('allocator') },
  });
  const { main } = pod;
  await until(() => roundsOf(main) > 0);
  for (let i = 0; i < 50; i++) {
    const { pid } = expectInjected(
      await injectReader(pod, { target: main.pid, donor: 'self', method: METHODS[i % 2] ?? 'auto' }),
    );
    process.kill(pidOnMachine(pod, pid), 'SIGKILL');
  }
  const rounds = roundsOf(main);
  await until(() => roundsOf(main) > rounds);
  expect(childrenOf(main.machinePid)).toEqual([]);
  expect(main.output()).not.toMatch(/children [1-9]/);
}, 60_000);

test('a large process lends its memory, a small one is copied', async () => {
  await using pod = await startInjectablePod({
    args: ['/allocator', '200', '1'],
    binds: { '/allocator': buildTestProgram('allocator') },
  });
  const { main } = pod;
  await until(() => roundsOf(main) > 0);
  const large = expectInjected(await injectReader(pod, { target: main.pid, donor: 'self' }));
  expect(large.method).toBe('clone_vm');
  const small = expectInjected(await injectReader(pod, { target: large.pid, donor: 'self' }));
  expect(small.method).toBe('fork');
});

/** The number in the last complete line that the program printed. */
function roundsOf(container: PodContainer): number {
  const line = container.output().split('\n').at(-2);
  return Number(/^rounds (\d+)/.exec(line ?? '')?.[1] ?? 0);
}

async function podPidOfNginxWorker(pod: Pod): Promise<number> {
  const { stdout } = await pod.main.run(['/bin/busybox', 'ps', '-o', 'pid,args']);
  return Number(/^\s*(\d+) nginx: worker/m.exec(stdout)?.[1]);
}

/** The status of an answer; 0 when there is none. */
function statusOf(socketPath: string): Promise<number> {
  return new Promise((resolve) => {
    httpRequest({ socketPath, agent: false }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode ?? 0));
    })
      .on('error', () => resolve(0))
      .end();
  });
}

function startInjectablePod(main: ContainerOptions): Promise<Pod> {
  return startPod({
    main,
    sidecar: {
      binds: { [SIDECAR_SHIM]: compiledShim('release'), '/token-reader': buildTestProgram('token-reader') },
    },
  });
}

function injectReader(pod: Pod, request: InjectRequest): ReturnType<typeof injectInPod> {
  return injectInPod(pod, { program: '/token-reader', args: ['hold'], ...request });
}
