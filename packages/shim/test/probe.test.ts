import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { compiledShim } from './support/compiled-shim.ts';
import { buildTestProgram } from './support/native-program.ts';
import { pictureOf } from './support/process-picture.ts';
import { statOf } from './support/processes.ts';
import { until } from './support/until.ts';
import { runCommand } from './support/command.ts';
import { SIDECAR_SHIM } from './support/injector.ts';
import { startPod, whyNoPod } from './support/pod.ts';
import type { PodOptions } from './support/pod.ts';
import { startTarget, untilAsleep } from './support/target-process.ts';

const BLOCKED = buildTestProgram('blocked-call');
const ERROR = { EPERM: 1, ENOENT: 2, EACCES: 13, EBUSY: 16, EINVAL: 22 } as const;

/** What stands in a report. */
interface Report {
  readonly target: { readonly pid: number; readonly comm: string; readonly state: string };
  readonly self: { readonly uid: number; readonly capEff: string };
  readonly attach: Possibility;
  readonly setns: Possibility;
  readonly chroot: Possibility;
  readonly gvisor: Readonly<Record<string, boolean>>;
  readonly yamaPtraceScope: number | null;
}

interface Possibility {
  readonly possible: boolean;
  readonly step?: string;
  readonly errno?: number;
  readonly reason?: string;
}

async function probe(pid: number): Promise<Report> {
  const { exit, stdout, stderr } = await runCommand([compiledShim('release'), 'probe', String(pid)]);
  expect([exit, stderr]).toEqual([0, '']);
  return JSON.parse(stdout) as Report;
}

test('E3: a report says what the process is and what could be done to it, and nothing is done', async () => {
  await using target = startTarget([BLOCKED, 'read']);
  await untilAsleep(target);
  const before = pictureOf(target.pid);
  const report = await probe(target.pid);
  expect(pictureOf(target.pid)).toEqual(before);
  const uid = process.getuid?.() ?? 0;
  expect(report.target).toMatchObject({
    pid: target.pid,
    comm: 'blocked-call',
    state: 'S',
    tracerPid: 0,
    uid,
    noNewPrivs: false,
    startTime: expect.any(Number) as number,
    rssBytes: expect.any(Number) as number,
    capEff: expect.stringMatching(/^[0-9a-f]{16}$/) as string,
  });
  expect(report.self).toMatchObject({ uid });
  expect(report.attach).toEqual({ possible: true });
  expect(report.gvisor).toEqual({
    detected: false,
    kernelLog: false,
    kernelVersion: false,
    noMountNamespace: false,
  });
  if (!existsSync('/proc/sys/kernel/yama/ptrace_scope')) expect(report.yamaPtraceScope).toBeNull();
});

/** Sidecars by what they may do to a main container of uid 1000. */
const SIDECARS: Readonly<
  Record<string, { pod: PodOptions['sidecar']; attach?: string; setns?: string; chroot?: string }>
> = {
  'default capabilities': {
    pod: { addCapabilities: [] },
    attach: 'access',
    setns: 'capability',
    chroot: 'root',
  },
  CAP_SYS_PTRACE: { pod: { addCapabilities: ['CAP_SYS_PTRACE'] }, setns: 'capability' },
  'CAP_SYS_PTRACE and CAP_SYS_ADMIN': { pod: { addCapabilities: ['CAP_SYS_PTRACE', 'CAP_SYS_ADMIN'] } },
  CAP_SYS_ADMIN: {
    pod: { addCapabilities: ['CAP_SYS_ADMIN'] },
    attach: 'access',
    setns: 'ns/mnt',
    chroot: 'root',
  },
  'no capabilities but CAP_SYS_PTRACE': {
    pod: { dropAllCapabilities: true, addCapabilities: ['CAP_SYS_PTRACE'] },
    setns: 'capability',
    chroot: 'capability',
  },
  'no capabilities': {
    pod: { dropAllCapabilities: true, addCapabilities: [] },
    attach: 'access',
    setns: 'capability',
    chroot: 'capability',
  },
};

for (const [name, { pod: sidecar, attach, setns, chroot }] of Object.entries(SIDECARS)) {
  test(`E1: what a sidecar may do to a container of another user: ${name}`, async ({ skip }) => {
    const reason = await whyNoPod();
    skip(reason !== undefined, reason);
    await using pod = await startPod({
      main: { uid: 1000 },
      sidecar: { ...sidecar, binds: { [SIDECAR_SHIM]: compiledShim('release') } },
    });
    const { stdout } = await pod.sidecar.run([SIDECAR_SHIM, 'probe', String(pod.main.pid)]);
    const report = JSON.parse(stdout) as Report;
    expect(report.target).toMatchObject({ pid: pod.main.pid, comm: 'busybox', uid: 1000, gid: 1000 });
    const { attach: toAttach, setns: toSetns, chroot: toChroot } = report;
    expect([toAttach, toSetns, toChroot].map(({ possible }) => possible)).toEqual([!attach, !setns, !chroot]);
    expect([toAttach, toSetns, toChroot].map(({ step }) => step)).toEqual([attach, setns, chroot]);
    for (const { possible, reason: why = '', errno = 0 } of [toAttach, toSetns, toChroot])
      expect([why.length > 0, errno > 0]).toEqual([!possible, !possible]);
  });
}

test('E3: who is stopped, traced or a thread of the kernel cannot be attached to', async ({ skip }) => {
  skip(process.getuid?.() !== 0, 'a thread of the kernel is shown to root alone');
  await using target = startTarget([BLOCKED, 'read']);
  await untilAsleep(target);
  process.kill(target.pid, 'SIGSTOP');
  await until(() => statOf(target.pid)?.state === 'T');
  expect(await probe(target.pid)).toMatchObject({
    target: { state: 'T' },
    attach: { possible: false, errno: ERROR.EBUSY, reason: 'the process is stopped' },
  });
  expect(await probe(2)).toMatchObject({ attach: { possible: false, errno: ERROR.EINVAL } });
});

test('any name of a process makes valid JSON', async () => {
  const names = ['a"b\\c', 'tab\tnew\nline', 'café 日本', 'paren) (x', '\u007f\u0001', ') S 1 2 3'];
  const directory = mkdtempSync(join(tmpdir(), 'shim-names.'));
  for (const name of names) {
    const file = join(directory, name.replaceAll('/', ''));
    copyFileSync(BLOCKED, file);
    await using target = startTarget([file, 'read']);
    await untilAsleep(target);
    const { comm, state } = (await probe(target.pid)).target;
    expect([comm, state]).toEqual([name, 'S']);
  }
  rmSync(directory, { recursive: true });
});

test('bytes of a name that are no UTF-8 are replaced one by one', async () => {
  const cut = `printf '\\377\\303(\\355\\240\\200x\\360\\237\\230' >/proc/$$/comm; echo; read line`;
  const child = spawn('/bin/bash', ['-c', cut], { stdio: ['pipe', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  const { comm } = (await probe(child.pid ?? 0)).target;
  child.stdin.end();
  await once(child, 'close');
  const r = '\ufffd';
  expect(comm).toBe(`${r}${r}(${r}${r}${r}x${r}${r}${r}`);
});

test('no such process: status 1 and an error; no pid: status 2 and the usage', async () => {
  const gone = await runCommand([compiledShim('release'), 'probe', '4194303']);
  expect([gone.exit, JSON.parse(gone.stdout), gone.stderr]).toEqual([1, { error: 'no such process' }, '']);
  for (const args of [[], ['0'], ['-1'], ['1x'], ['99999999999999999999'], ['1', '2']]) {
    const { exit, stdout, stderr } = await runCommand([compiledShim('release'), 'probe', ...args]);
    expect([exit, stdout, stderr]).toEqual([2, '', 'usage: shim probe PID\n']);
  }
});
