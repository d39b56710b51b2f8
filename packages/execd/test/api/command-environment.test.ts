import { appendFile, mkdir, rm, writeFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { readEvents, startExecd, texts } from '../support/execd.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const isRoot = process.getuid?.() === 0;

test('contract §3.1: envs are visible in that command only', async () => {
  await using execd = await startExecd();
  const command = 'echo "${VAR:-__EMPTY__}"';
  expect(texts(await execd.run({ command, envs: { VAR: 'set' } }))).toEqual(['set']);
  expect(texts(await execd.run({ command, envs: { VAR: null } }))).toEqual(['__EMPTY__']);
  expect(texts(await execd.run({ command }))).toEqual(['__EMPTY__']);
});

test('contract §13.3: the EXECD_ENVS file is read again when it changed, and requests win over it', async () => {
  await using directory = await temporaryDirectory();
  const file = `${directory.path}/.env`;
  await writeFile(file, 'A=from-file\nB="x y"\n');
  await using execd = await startExecd([], { ...process.env, EXECD_ENVS: file });
  const command = 'echo "$A|$B|$C"';
  expect(texts(await execd.run({ command }))).toEqual(['from-file|x y|']);
  await appendFile(file, 'C=new\n');
  expect(texts(await execd.run({ command, envs: { A: 'mine' } }))).toEqual(['mine|x y|new']);
  await rm(file);
  expect(texts(await execd.run({ command }))).toEqual(['||']);
});

test('contract §19: no child sees the tokens', async () => {
  const tokens = { EXECD_ACCESS_TOKEN: 'at-secret', JUPYTER_TOKEN: 'jt-secret' };
  await using execd = await startExecd([], { ...process.env, ...tokens });
  const headers = { 'x-execd-access-token': 'at-secret' };
  const body = { command: 'env | grep -c -e at-secret -e jt-secret -e ACCESS_TOKEN -e JUPYTER_TOKEN' };
  const events = await readEvents(await execd.request('POST', '/command', body, { headers }));
  expect(texts(events)).toEqual(['0']);
});

test('contract §6: cwd is expanded with the variables of the request, and PWD says the same', async () => {
  await using directory = await temporaryDirectory();
  await mkdir(`${directory.path}/inner`);
  await using execd = await startExecd([], { ...process.env, HOME: directory.path });
  const command = 'pwd; echo "$PWD"';
  const expected = [`${directory.path}/inner`, `${directory.path}/inner`];
  expect(texts(await execd.run({ command, cwd: '~/inner' }))).toEqual(expected);
  expect(texts(await execd.run({ command, cwd: '$D/inner', envs: { D: directory.path } }))).toEqual(expected);
});

test('contract §3.1: bash runs the command, or sh where there is no bash', async () => {
  await using directory = await temporaryDirectory();
  await using withBash = await startExecd();
  expect(texts(await withBash.run({ command: 'echo ${BASH_VERSION:+bash} $0' }))).toEqual(['bash bash']);
  const { symlink } = await import('node:fs/promises');
  await symlink('/bin/sh', `${directory.path}/sh`);
  await using withSh = await startExecd([], { PATH: directory.path });
  expect(texts(await withSh.run({ command: 'echo ${BASH_VERSION:-none} $0' }))).toEqual(['none sh']);
});

test('contract §3.1: uid and gid; a uid alone takes its primary group, 0 when it is unknown', async ({
  skip,
}) => {
  skip(!isRoot, 'only root can run a command as somebody else');
  await using execd = await startExecd();
  const command = 'echo $(id -u) $(id -g)';
  expect(texts(await execd.run({ command, uid: 65_534 }))).toEqual(['65534 65534']);
  expect(texts(await execd.run({ command, uid: 1234, gid: 4321 }))).toEqual(['1234 4321']);
  expect(texts(await execd.run({ command, uid: 54_321 }))).toEqual(['54321 0']);
  expect(texts(await execd.run({ command, uid: 0 }))).toEqual(['0 0']);
});

test('addendum A2.1: argv runs a program without a shell, its name looked up in the PATH of the request', async () => {
  await using directory = await temporaryDirectory();
  await writeFile(`${directory.path}/tool`, '#!/bin/sh\necho "tool got [$1] [$2]"\n', { mode: 0o755 });
  await using execd = await startExecd();
  expect(texts(await execd.run({ argv: ['printf', '%s\\n', 'a b', '$HOME', ''] }))).toEqual([
    'a b',
    '$HOME',
    '\n',
  ]);
  const envs = { PATH: `${directory.path}:/usr/bin:/bin` };
  expect(texts(await execd.run({ argv: ['tool', 'x y', ''], envs }))).toEqual(['tool got [x y] []']);
  expect(texts(await execd.run({ argv: ['./tool', '1'], cwd: directory.path }))).toEqual(['tool got [1] []']);
});

test('addendum A2.1: a program that is not there is an error event, and leaves no record', async () => {
  await using execd = await startExecd();
  const events = await execd.run({ argv: ['no-such-program'] });
  const message = 'exec: "no-such-program": executable file not found in $PATH';
  expect(events.map(({ type }) => type)).toEqual(['init', 'error']);
  expect(events[1]).toMatchObject({
    error: { ename: 'CommandExecError', evalue: message, traceback: [message] },
  });
  const [init] = events;
  const id = init?.type === 'init' ? init.text : '';
  expect((await execd.request('GET', `/command/status/${id}`)).status).toBe(404);
});

test.each([
  ['a file that cannot be executed', { argv: ['/etc/passwd'] }, 'fork/exec /etc/passwd: permission denied'],
  ['a command line over the system limit', { command: `: ${'x'.repeat(200_000)}` }, 'argument list too long'],
  ['a NUL in the command line', { command: 'echo a\0b' }, 'invalid argument'],
])('%s does not start, and says why', async (_name, body, message) => {
  await using execd = await startExecd();
  const events = await execd.run(body);
  expect(events.map(({ type }) => type)).toEqual(['init', 'error']);
  const error = events[1]?.type === 'error' ? events[1].error : undefined;
  expect(error?.evalue).toContain(message);
  expect(error?.traceback).toEqual([error?.evalue]);
});
