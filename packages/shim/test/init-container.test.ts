import { execFile, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeEach, expect, test } from 'vitest';
import type { RunningProgram } from './support/init-process.ts';
import { childrenOf, printed, run, statusField, until } from './support/init-process.ts';
import { compiledShim } from './support/compiled-shim.ts';

const BUSYBOX = '/bin/busybox';
const execute = promisify(execFile);

beforeEach(({ skip }) => {
  skip(process.geteuid?.() !== 0, 'only root can start a container');
  skip(spawnSync('runc', ['--version']).status !== 0, 'runc is not installed');
  skip(!existsSync(BUSYBOX), 'busybox is not installed');
});

test('§13.6 in a container, as any user: SIGTERM reaches the command, its exit code is the container’s', async () => {
  await using container = await startContainer(
    'trap "exit 8" TERM; echo ready; while :; do sleep 1 & wait; done',
  );
  await printed(container.running, 'ready');
  expect(statusField(await container.init(), 'NSpid')).toMatch(/\s1$/);
  await container.kill('TERM');
  expect(await container.running.ended).toBe(8);
  expect(container.running.stderr).toBe('');
});

test('§13.6 in a container: a command that does not catch SIGTERM ends by it, although PID 1 would not', async () => {
  await using container = await startContainer('echo ready; exec sleep 600');
  await printed(container.running, 'ready');
  await container.kill('TERM');
  expect(await container.running.ended).toBe(143);
});

test('in a container: orphans are reaped, and those that are left end with the command', async () => {
  const orphans = 'for i in $(seq 50); do (sleep 600 &); (true &); done; echo ready; read -r line; exit 3';
  await using container = await startContainer(orphans);
  await printed(container.running, 'ready');
  const init = await container.init();
  await until(() => childrenOf(init).length === 51);
  container.running.stdin.end('\n');
  expect(await container.running.ended).toBe(3);
  expect(childrenOf(init)).toEqual([]);
});

/** A container whose PID 1 is the shim that is shipped, with a shell script as its command. */
interface Container extends AsyncDisposable {
  readonly running: RunningProgram;
  /** The process id of its PID 1 out here. */
  init(): Promise<number>;
  kill(signal: string): Promise<void>;
}

async function startContainer(script: string): Promise<Container> {
  const directory = await mkdtemp(join(tmpdir(), 'shim-container-'));
  const state = join(directory, 'state');
  const pidFile = join(directory, 'pid');
  const id = `shim-init-${crypto.randomUUID()}`;
  await makeBundle(directory, ['/shim', 'init', '--', 'sh', '-c', script]);
  const running = run(['runc', '--root', state, 'run', '--bundle', directory, '--pid-file', pidFile, id]);
  return {
    running,
    async init() {
      await until(() => existsSync(pidFile));
      return Number(await readFile(pidFile, 'utf8'));
    },
    kill: async (signal) => void (await execute('runc', ['--root', state, 'kill', id, signal])),
    async [Symbol.asyncDispose]() {
      await execute('runc', ['--root', state, 'delete', '--force', id]);
      await running[Symbol.asyncDispose]();
      await rm(directory, { recursive: true });
    },
  };
}

/** Read-only root with busybox and the shim, uid 1000, no new privileges. */
async function makeBundle(directory: string, args: readonly string[]): Promise<void> {
  const root = join(directory, 'rootfs');
  await mkdir(join(root, 'bin'), { recursive: true });
  await copyFile(BUSYBOX, join(root, 'bin', 'busybox'));
  for (const name of ['sh', 'sleep', 'seq', 'true']) await symlink('busybox', join(root, 'bin', name));
  await copyFile(compiledShim('release'), join(root, 'shim'));
  await execute('runc', ['spec', '--bundle', directory]);
  const file = join(directory, 'config.json');
  const config = JSON.parse(await readFile(file, 'utf8')) as { process: Record<string, unknown> };
  Object.assign(config.process, { args, terminal: false, user: { uid: 1000, gid: 1000 } });
  await writeFile(file, JSON.stringify(config));
}
