import { mkdir, writeFile } from 'node:fs/promises';
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { expect, test } from 'vitest';
import { expectNotSupported, launcherOf, shimPidOf } from '../support/capabilities.ts';
import { startExecd, texts } from '../support/execd.ts';
import { startExecdProcess, startListening } from '../support/execd-process.ts';
import { childProcessTest, shimTest } from '../support/launcher.ts';
import { isAlive } from '../support/processes.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { until } from '../support/until.ts';

shimTest('GET /capabilities tells of the native launcher, and its process is there', async () => {
  await using execd = await startExecd();
  await execd.run({ command: 'true' });
  const launcher = await launcherOf(execd);
  expect(launcher).toMatchObject({ in_force: 'shim', reason: expect.stringMatching(/./) as string });
  expect(launcher.features.every((feature) => typeof feature === 'string')).toBe(true);
  expect(new Set(launcher.features).size).toBe(launcher.features.length);
  expect(launcher.features.length).toBeGreaterThan(0);
  const arguments_ = readFileSync(`/proc/${await shimPidOf(execd)}/cmdline`, 'latin1').split('\0');
  expect(arguments_[1]).toBe('serve');
});

childProcessTest('GET /capabilities tells that Node starts the commands, and why', async () => {
  await using execd = await startExecd();
  const launcher = await launcherOf(execd);
  expect(launcher).toMatchObject({ in_force: 'child_process', reason: expect.stringMatching(/./) as string });
  expect(launcher).not.toHaveProperty('pid');
  expect(Array.isArray(launcher.features)).toBe(true);
});

childProcessTest('who asked for child-process gets no other process and no warning', async () => {
  await using execd = await startListening();
  expect(texts(await execd.run({ command: 'echo runs' }))).toEqual(['runs']);
  const children = readFileSync(`/proc/${execd.pid}/task/${execd.pid}/children`, 'utf8');
  expect(children.trim()).toBe('');
  expect(execd.log.filter(({ level }) => level === 'warn')).toEqual([]);
});

test('contract §1.1: the capabilities need the token', async () => {
  await using execd = await startExecd(['--access-token', 'secret-token']);
  expect((await execd.request('GET', '/capabilities')).status).toBe(401);
  const headers = { 'x-execd-access-token': 'secret-token' };
  expect((await launcherOf(execd, { headers })).reason).not.toBe('');
});

shimTest('a launcher that there is none of is one readable line and exit code 2', async () => {
  await using execd = startExecdProcess(['--launcher', 'rocket']);
  expect(await execd.ended).toBe(2);
  expect(execd.stderr).toMatch(/^execd: [^\n]*--launcher[^\n]*\n$/);
});

/** Programs that are no native launcher, each with what makes a file of that path it. */
const IMPOSTORS: Record<string, (path: string) => Promise<void>> = {
  'is not there': () => Promise.resolve(),
  'is a directory': (path) => mkdir(path),
  'may not be executed': (path) => writeFile(path, '#!/bin/sh\nexit 0\n', { mode: 0o644 }),
  'is text': (path) => writeFile(path, 'just some text\n', { mode: 0o755 }),
  'ends at once': (path) => writeFile(path, '#!/bin/sh\nexit 0\n', { mode: 0o755 }),
  'ends with an error': (path) =>
    writeFile(path, '#!/bin/sh\necho no such luck >&2\nexit 7\n', { mode: 0o755 }),
  'never answers': (path) => writeFile(path, '#!/bin/sh\nexec sleep 300\n', { mode: 0o755 }),
  'answers nonsense': (path) =>
    writeFile(path, '#!/bin/sh\nyes nonsense >&3\nexec sleep 300\n', { mode: 0o755 }),
};

for (const [what, make] of Object.entries(IMPOSTORS)) {
  shimTest(`a native launcher that ${what}: execd says why and does without`, async () => {
    await using directory = await temporaryDirectory();
    const path = `${directory.path}/shim`;
    await make(path);
    await using execd = await startListening(['--launcher', 'shim', '--shim', path]);
    expect(texts(await execd.run({ command: 'echo runs' }))).toEqual(['runs']);
    const { in_force, reason, pid } = await launcherOf(execd);
    expect([in_force, pid]).toEqual(['child_process', undefined]);
    expect(reason).not.toBe('');
    // What the program itself said may have lines of its own.
    const warnings = execd.log.filter((line) => line['reason'] === reason);
    expect(warnings).toMatchObject([{ level: 'warn' }]);
    await expectNotSupported(execd, { command: 'true', detached: 'kill' });
    // Whatever the program was, it is gone.
    const children = () => readFileSync(`/proc/${execd.pid}/task/${execd.pid}/children`, 'utf8').trim();
    await until(() => children() === '');
  });
}

shimTest('/bin/true is no native launcher, and auto does without one as well', async () => {
  for (const flags of [
    ['--launcher', 'shim', '--shim', '/bin/true'],
    ['--launcher', 'auto', '--shim', '/bin/true'],
    ['--launcher', 'auto', '--shim', '/nonexistent'],
  ]) {
    await using execd = await startListening(flags);
    expect(texts(await execd.run({ command: 'echo runs' }))).toEqual(['runs']);
    const { in_force, reason } = await launcherOf(execd);
    expect([in_force, reason === '']).toEqual(['child_process', false]);
  }
});

shimTest('auto takes the native launcher of the build', async () => {
  await using execd = await startListening(['--launcher', 'auto']);
  await execd.run({ command: 'true' });
  const shim = await shimPidOf(execd);
  execd.kill('SIGTERM');
  expect(await execd.ended).toBe(0);
  await until(() => !isAlive(shim));
});

shimTest('where the next daemon finds the launcher is closed to everybody else', async () => {
  await using directory = await temporaryDirectory();
  await using execd = await startListening([], { ...process.env, TMPDIR: directory.path });
  await execd.run({ command: 'true' });
  await shimPidOf(execd);
  for (const name of readdirSync(directory.path)) {
    const { mode, uid } = statSync(`${directory.path}/${name}`);
    expect([name, mode & 0o077, uid]).toEqual([name, 0, process.getuid?.()]);
  }
});
