import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { REPORTER, SHIM, printed, run, runInit, statusField, until } from './support/init-process.ts';

test.each([0, 1, 2, 42, 125, 126, 127, 128, 137, 254, 255])('exit code %i is passed on', async (code) => {
  expect(await runInit(['--', 'sh', '-c', `exit ${code}`])).toEqual({ status: code, stdout: '', stderr: '' });
});

test.each([1, 2, 3, 6, 9, 11, 13, 14, 15, 31, 34, 64])(
  'a command that signal %i ends gives 128 and its number',
  async (signal) => {
    const { status } = await runInit(['--', 'sh', '-c', `ulimit -c 0; kill -${signal} $$; sleep 60`]);
    expect(status).toBe(128 + signal);
  },
);

test('stdin, stdout, stderr, the environment and the arguments are the command’s', async () => {
  const args = ['', ' a  b ', '*', '--help', 'é\n'];
  const script = 'cat; printf "[%s]" "$@"; echo $GREETING >&2';
  await using running = run([SHIM, 'init', '--', 'sh', '-c', script, 'sh', ...args], {
    PATH: process.env['PATH'],
    GREETING: 'hello',
  });
  running.stdin.end('from stdin\n');
  expect(await running.ended).toBe(0);
  expect(running.stdout).toBe('from stdin\n[][ a  b ][*][--help][é\n]');
  expect(running.stderr).toBe('hello\n');
});

test('without -- the options end at the command', async () => {
  const { status, stdout } = await runInit(['-g', 'echo', '-s', '-x']);
  expect({ status, stdout }).toEqual({ status: 0, stdout: '-s -x\n' });
});

test.each([
  ['a name that PATH does not have', 'no-such-program', 'No such file or directory'],
  ['a path that does not exist', '/no/such/program', 'No such file or directory'],
  ['an empty name', '', 'No such file or directory'],
])('127 for %s', async (_, command, reason) => {
  expect(await runInit(['--', command, 'argument'])).toEqual({
    status: 127,
    stdout: '',
    stderr: `shim init: ${command}: ${reason}\n`,
  });
});

test('127 for a script whose interpreter is missing', async () => {
  await using directory = await programs({ script: '#!/no/such/interpreter\n' });
  expect(await runInit([join(directory.path, 'script')])).toMatchObject({
    status: 127,
    stderr: `shim init: ${directory.path}/script: No such file or directory\n`,
  });
});

test('126 for what may not be executed, a directory, and a program of another machine', async () => {
  await using directory = await programs({ foreign: '\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\xff\xff' });
  const plain = join(directory.path, 'plain');
  await writeFile(plain, 'echo never\n', { mode: 0o644 });
  const expected = (file: string, reason: string) => ({
    status: 126,
    stdout: '',
    stderr: `shim init: ${file}: ${reason}\n`,
  });
  expect(await runInit([plain])).toEqual(expected(plain, 'Permission denied'));
  expect(await runInit([directory.path])).toEqual(expected(directory.path, 'Permission denied'));
  const foreign = join(directory.path, 'foreign');
  expect(await runInit([foreign])).toEqual(expected(foreign, 'Exec format error'));
});

test('a text without #! is run by the shell, with its arguments', async () => {
  await using directory = await programs({ script: 'echo "$0 $#: $1"; exit 9\n', empty: '' });
  expect(await runInit([join(directory.path, 'script'), 'a b', 'c'])).toEqual({
    status: 9,
    stdout: `${directory.path}/script 2: a b\n`,
    stderr: '',
  });
  expect(await runInit([join(directory.path, 'empty')])).toMatchObject({ status: 0 });
});

test('PATH is searched in order, beyond what cannot be executed, and may be missing', async () => {
  await using first = await programs({});
  await using second = await programs({ tool: '#!/bin/sh\necho second\n', other: '#!/bin/sh\necho other\n' });
  await writeFile(join(first.path, 'tool'), 'no\n', { mode: 0o644 });
  await writeFile(join(first.path, 'file'), '');
  await writeFile(join(first.path, 'locked'), 'no\n', { mode: 0o644 });
  const withPath = (PATH: string | undefined, command: string) => runInit([command], { PATH });
  const searched = [join(first.path, 'file'), '/no/such', 'x'.repeat(5000), first.path, second.path].join(
    ':',
  );
  expect(await withPath(searched, 'tool')).toMatchObject({ status: 0, stdout: 'second\n' });
  expect(await withPath(`${second.path}:/bin`, 'other')).toMatchObject({ status: 0, stdout: 'other\n' });
  // Found, but not executable anywhere.
  expect(await withPath(searched, 'locked')).toMatchObject({ status: 126 });
  expect(await withPath(searched, 'absent')).toMatchObject({ status: 127 });
  expect(await withPath(undefined, 'true')).toMatchObject({ status: 0 });
});

test('an empty element of PATH is the working directory', async () => {
  await using directory = await programs({ here: '#!/bin/sh\necho here\n' });
  const script = `cd ${directory.path}; for path in : :/bin /bin:; do PATH=$path ${SHIM} init here; done`;
  await using running = run(['/bin/sh', '-c', script]);
  expect(await running.ended).toBe(0);
  expect(running.stdout).toBe('here\nhere\nhere\n');
});

test('a command that cannot be started for want of processes: 125', async ({ skip }) => {
  skip(process.geteuid?.() !== 0, 'only root can become a user who has no processes left');
  const limited = ['setpriv', '--reuid', '61234', '--regid', '61234', '--clear-groups'];
  // The leak check of a sanitizer needs a process of its own.
  const withoutLeakCheck = { ...process.env, ASAN_OPTIONS: 'detect_leaks=0' };
  const start = [...limited, 'prlimit', '--nproc=1', SHIM, 'init', '--', 'true'];
  await using running = run(start, withoutLeakCheck);
  expect(await running.ended).toBe(125);
  expect(running.stderr).toBe('shim init: fork: Resource temporarily unavailable\n');
});

test('--help, and command lines that make no sense', async () => {
  const { status, stdout, stderr } = await runInit(['--help']);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(stdout).toMatch(/^usage: shim init \[-g\] \[-s\] \[--\] COMMAND/);
  const hint = '(see shim init --help)\n';
  const refused = (text: string) => ({ status: 2, stdout: '', stderr: `shim init: ${text} ${hint}` });
  expect(await runInit([])).toEqual(refused('no command'));
  expect(await runInit(['-s', '--'])).toEqual(refused('no command'));
  expect(await runInit(['-x', 'true'])).toEqual(refused('unknown option: -x'));
});

test('while nothing happens, nothing runs', async () => {
  await using running = run([SHIM, 'init', '--', ...REPORTER]);
  await printed(running, 'ready');
  const wakeUps = () => statusOf(running.pid);
  await until(() => wakeUps().state.startsWith('S'));
  const before = wakeUps();
  await new Promise((resolve) => setTimeout(resolve, 500));
  expect(wakeUps()).toEqual(before);
});

function statusOf(pid: number): { state: string; switches: string[] } {
  const names = ['voluntary_ctxt_switches', 'nonvoluntary_ctxt_switches'];
  return { state: statusField(pid, 'State'), switches: names.map((name) => statusField(pid, name)) };
}

/** A directory with these executable files. */
async function programs(
  files: Readonly<Record<string, string>>,
): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'shim-init-'));
  for (const [name, text] of Object.entries(files)) {
    await writeFile(join(path, name), text, 'latin1');
    await chmod(join(path, name), 0o755);
  }
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}
