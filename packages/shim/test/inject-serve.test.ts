import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { compiledShim } from './support/compiled-shim.ts';
import { confinementOf } from './support/confinement.ts';
import { callOf, isAsleep, pictureOf } from './support/process-picture.ts';
import { until } from './support/until.ts';
import { runCommand } from './support/command.ts';
import { SIDECAR_SHIM, expectInjected, injectInPod } from './support/injector.ts';
import { pidOnMachine, startPod, whyNoPod } from './support/pod.ts';
import type { Pod } from './support/pod.ts';
import type { RemoteReport } from './support/sidecar-daemon.ts';

const reason = await whyNoPod();
const REPOSITORY = join(import.meta.dirname, '..', '..', '..');
const DAEMON = join(import.meta.dirname, 'support', 'sidecar-daemon.ts');
const ADDRESS = '@resident';
const TOKEN = randomBytes(32);
const EADDRINUSE = 98;
const EXDEV = 18;

test.beforeEach(({ skip }) => skip(reason !== undefined, reason));

for (const uid of [0, 1000]) {
  test(`E3: a daemon in the sidecar runs commands in the main container of uid ${uid}`, async () => {
    await using pod = await startServedPod({ uid });
    const { main } = pod;
    const injected = expectInjected(await injectServe(pod));
    expect(injected).toMatchObject({ donorPid: main.pid, listen: ADDRESS });
    const { shimPid, endings } = await runInMain(pod, [
      ['/bin/busybox', 'cat', '/which'],
      ['/bin/busybox', 'sh', '-c', 'id -u; pwd; grep -E "^(Cap|NoNew|Seccomp)" /proc/self/status; exit 5'],
      ['/bin/busybox', 'sh', '-c', 'readlink /proc/self/ns/mnt; cat /proc/self/cgroup'],
      ['/bin/busybox', 'sh', '-c', 'kill -9 $$'],
    ]);
    expect(shimPid).toBe(injected.pid);
    const confinement = confinementOf(main.machinePid);
    expect(endings[0]).toMatchObject({ how: 'code', value: 0, output: 'main' });
    const privileges = confinement.identity.filter((line) => !/^(?:Uid|Gid|Groups)/.test(line));
    expect(endings[1]).toMatchObject({ value: 5, output: `${[uid, '/work', ...privileges].join('\n')}\n` });
    const mountNamespace = confinement.namespaces[0] ?? '';
    expect(endings[2]).toMatchObject({ output: `${mountNamespace}\n${confinement.cgroups}` });
    expect(endings[3]).toMatchObject({ how: 'signal', value: 9 });
  });
}

test('E3: one injection serves daemon after daemon, and the target is what it was', async () => {
  await using pod = await startServedPod();
  const { main } = pod;
  await until(() => isAsleep(main.machinePid));
  const before = { ...pictureOf(main.machinePid), memory: '' };
  const { pid } = expectInjected(await injectServe(pod));
  const resident = pidOnMachine(pod, pid);
  for (let i = 0; i < 3; i++) {
    const { shimPid } = await runInMain(pod, [['/bin/busybox', 'true']], 'abandon');
    expect(shimPid).toBe(pid);
  }
  expect({ ...pictureOf(main.machinePid), memory: '' }).toEqual(before);
  expect(callOf(main.machinePid)).toBeGreaterThan(0);
  expect(pidOnMachine(pod, pid)).toBe(resident);
});

test('E5: a resident outlives the sidecar, and the next sidecar finds it', async () => {
  await using pod = await startServedPod();
  const { pid } = expectInjected(await injectServe(pod));
  await runInMain(pod, [['/bin/busybox', 'true']], 'abandon');
  const sidecar = await pod.replaceSidecar();
  const { shimPid, endings } = await runInMain({ ...pod, sidecar }, [['/bin/busybox', 'cat', '/which']]);
  expect(shimPid).toBe(pid);
  expect(endings).toMatchObject([{ output: 'main' }]);
});

test('E3: the token is neither among the arguments nor in the environment of the resident', async () => {
  await using pod = await startServedPod();
  const { pid } = expectInjected(await injectServe(pod));
  const resident = pidOnMachine(pod, pid);
  for (const name of ['cmdline', 'environ'])
    expect(readFileSync(`/proc/${resident}/${name}`).includes(TOKEN)).toBe(false);
  expect(readFileSync(`/proc/${resident}/cmdline`, 'utf8').split('\0')).toContain(ADDRESS);
});

test('E3: without the token the resident runs nothing', async () => {
  await using pod = await startServedPod();
  expectInjected(await injectServe(pod));
  const { exit, stderr } = await daemon(pod, randomBytes(32), [['/bin/busybox', 'true']]);
  expect(exit).not.toBe(0);
  expect(stderr).toContain('ShimLostError');
  expect((await runInMain(pod, [['/bin/busybox', 'true']])).endings).toHaveLength(1);
});

test('an address that is taken, or in another network, is refused before anything is touched', async () => {
  await using pod = await startServedPod();
  await using other = await startServedPod();
  expectInjected(await injectServe(pod));
  expect(await injectServe(pod)).toMatchObject({ step: 'listen', errno: EADDRINUSE });
  expectInjected(await injectServe(other));
  const args = ['inject', String(pod.main.machinePid), '--listen', '@elsewhere', '--token-fd', '0'];
  const { exit, stdout } = await runCommand([compiledShim('release'), ...args], { input: TOKEN });
  expect([exit, JSON.parse(stdout)]).toEqual([1, expect.objectContaining({ step: 'listen', errno: EXDEV })]);
});

function startServedPod({ uid = 0 } = {}): Promise<Pod> {
  return startPod({
    main: { args: ['/bin/busybox', 'sleep', '1000000'], cwd: '/work', uid },
    sidecar: {
      machinePrograms: true,
      binds: { [SIDECAR_SHIM]: compiledShim('release'), '/repository': REPOSITORY },
    },
  });
}

function injectServe(pod: Pod): ReturnType<typeof injectInPod> {
  return injectInPod(pod, { target: pod.main.pid, listen: ADDRESS, token: TOKEN });
}

/** Has a daemon in the sidecar run commands in the main container. */
async function runInMain(
  pod: Pod,
  commands: readonly (readonly string[])[],
  ending: 'farewell' | 'abandon' = 'farewell',
): Promise<RemoteReport> {
  const { exit, stdout, stderr } = await daemon(pod, TOKEN, commands, ending);
  if (exit !== 0) throw new Error(`the daemon ended with ${exit}: ${stderr}`);
  return JSON.parse(stdout) as RemoteReport;
}

function daemon(
  pod: Pod,
  token: Buffer,
  commands: readonly (readonly string[])[],
  ending: 'farewell' | 'abandon' = 'farewell',
): ReturnType<typeof runCommand> {
  const inSidecar = (path: string) => path.replace(REPOSITORY, '/repository');
  const args = [inSidecar(DAEMON), ADDRESS, ending, ...commands.map((command) => JSON.stringify(command))];
  return pod.sidecar.run([inSidecar(process.execPath), '--conditions=source', ...args], { input: token });
}
