import { expect, test } from 'vitest';
import { compiledShim } from './support/compiled-shim.ts';
import { buildTestProgram } from './support/native-program.ts';
import { isAsleep, pictureOf } from './support/process-picture.ts';
import { until } from './support/until.ts';
import { SIDECAR_SHIM, expectInjected, injectInPod } from './support/injector.ts';
import type { Injected } from './support/injector.ts';
import { pidOnMachine, startPod, whyNoPod } from './support/pod.ts';
import type { Pod } from './support/pod.ts';

const reason = await whyNoPod();

test.beforeEach(({ skip }) => skip(reason !== undefined, reason));

test('E3: the container lends the process that suits best, not its first one', async () => {
  await using pod = await startPodOf([
    '(ulimit -n 64; exec /bin/busybox sleep 1001) &',
    '/bin/busybox nice -n 5 /bin/busybox sleep 1002 &',
    '(ulimit -c 0; exec /bin/busybox sleep 1003) &',
    '/bin/busybox chroot /chroot /busybox sleep 1004 &',
    '/blocked-call epoll-limited &',
    '/allocator 1 1 >/dev/null &',
    '/bin/busybox sleep 1005 &',
    'exec /bin/busybox sleep 1006',
  ]);
  const donor = await podPid(pod, '/bin/busybox sleep 1005');
  await podPid(pod, '/blocked-call epoll-limited');
  await podPid(pod, '/bin/busybox sleep 1003');
  expect(await injectReader(pod)).toMatchObject({ donorPid: donor });
});

test('E3: a process that would notice, or is busy and large, is taken when there is no better one', async () => {
  await using pod = await startPodOf(['/blocked-call epoll-limited &', 'exec /allocator 30 1']);
  const donor = await podPid(pod, '/blocked-call epoll-limited');
  await until(() => isAsleep(pidOnMachine(pod, donor)));
  expect(await injectReader(pod)).toMatchObject({ donorPid: donor, method: 'fork' });
  await using busy = await startPodOf(['exec /allocator 30 1']);
  expect(await injectReader(busy)).toMatchObject({ donorPid: busy.main.pid, method: 'clone_vm' });
});

test('E3: the only process of a container lends itself, and one that is stopped is stood in for', async () => {
  await using alone = await startPodOf(['exec /bin/busybox sleep 1001']);
  expect(await injectReader(alone)).toMatchObject({ donorPid: alone.main.pid });
  await using pod = await startPodOf(['/bin/busybox sleep 1001 &', 'exec /bin/busybox sleep 1002']);
  const donor = await podPid(pod, '/bin/busybox sleep 1001');
  process.kill(pod.main.machinePid, 'SIGSTOP');
  const { pid } = await injectReader(pod);
  expect(pictureOf(pidOnMachine(pod, pid)).tracer).toBe(0);
  process.kill(pidOnMachine(pod, donor), 'SIGSTOP');
  const target = { target: pod.main.pid, program: '/token-reader', args: ['hold'] };
  process.kill(pidOnMachine(pod, pid), 'SIGSTOP');
  expect(await injectInPod(pod, target)).toMatchObject({ step: 'target', message: 'the process is stopped' });
});

test('E3: the resident of somebody else gets the directory and the file mode mask of the target', async () => {
  await using pod = await startPodOf([
    'umask 027; cd /work',
    '(umask 077; cd /; exec /bin/busybox sleep 1001) &',
    'exec /bin/busybox sleep 1002',
  ]);
  const donor = await podPid(pod, '/bin/busybox sleep 1001');
  const injected = await injectReader(pod);
  expect(injected.donorPid).toBe(donor);
  const { stdout } = await pod.main.run([
    '/bin/sh',
    '-c',
    `readlink /proc/${injected.pid}/cwd; grep Umask /proc/${injected.pid}/status; ls /proc/${injected.pid}/fd`,
  ]);
  expect(stdout).toBe('/work\nUmask:\t0027\n0\n1\n2\n3\n');
});

async function startPodOf(lines: readonly string[]): Promise<Pod> {
  const pod = await startPod({
    main: {
      args: ['/bin/sh', '-c', `mkdir -p /chroot; cp /bin/busybox /chroot; ${lines.join('\n')}`],
      binds: {
        '/allocator': buildTestProgram('allocator'),
        '/blocked-call': buildTestProgram('blocked-call'),
      },
    },
    sidecar: {
      binds: { [SIDECAR_SHIM]: compiledShim('release'), '/token-reader': buildTestProgram('token-reader') },
    },
  });
  await podPid(pod, (lines.at(-1) ?? '').replace('exec ', ''));
  return pod;
}

/** The pid of the process with this command line, as soon as there is one. */
async function podPid(pod: Pod, commandLine: string): Promise<number> {
  let found: number | undefined;
  await until(async () => {
    const { stdout } = await pod.sidecar.run(['/bin/busybox', 'ps', '-o', 'pid,args']);
    const line = stdout.split('\n').find((candidate) => candidate.endsWith(` ${commandLine}`));
    found = line === undefined ? undefined : Number.parseInt(line, 10);
    return found !== undefined;
  });
  return found ?? 0;
}

async function injectReader(pod: Pod): Promise<Injected> {
  const { main } = pod;
  const injected = await injectInPod(pod, { target: main.pid, program: '/token-reader', args: ['hold'] });
  return expectInjected(injected);
}
