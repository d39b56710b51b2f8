import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { chmod, chown, writeFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { expectNotSupported } from '../support/capabilities.ts';
import { endingOf, logsOf, finished, refusal, rowsOf, startBackground } from '../support/commands.ts';
import { startExecd, texts } from '../support/execd.ts';
import type { ExecdClient } from '../support/execd-client.ts';
import { startListening } from '../support/execd-process.ts';
import { childProcessTest, shimTest } from '../support/launcher.ts';
import { mountNamespace } from '../support/mount-namespace.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const isRoot = process.getuid?.() === 0;
const ONLY_ROOT = 'only root can choose the groups of a command';
const SHOW = ['grep', '-E', '^(Uid|Gid|Groups):', '/proc/self/status'];

interface Identity {
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
}

/** Whom a command with these fields runs as, in the words of the kernel. Its groups are in rising order. */
async function identityOf(execd: ExecdClient, fields: Record<string, unknown>): Promise<Identity> {
  return parseIdentity(texts(await execd.run({ argv: SHOW, ...fields })).join('\n'));
}

function parseIdentity(status: string): Identity {
  const [uid, gid, groups] = ['Uid', 'Gid', 'Groups'].map((name) => {
    const [, numbers = ''] = new RegExp(`^${name}:(.*)$`, 'm').exec(status) ?? [];
    return numbers.split(/\s+/).filter(Boolean).map(Number);
  });
  return { uid: uid?.[0] ?? -1, gid: gid?.[0] ?? -1, groups: groups ?? [] };
}

/** Rising, each once. */
function distinct(gids: readonly number[]): number[] {
  return [...new Set(gids)].sort((a, b) => a - b);
}

function idOfUser(name: string, option: '-g' | '-G'): number[] {
  return execFileSync('id', [option, name], { encoding: 'utf8' }).trim().split(' ').map(Number);
}

shimTest('contract §3.1: a uid alone has the groups of its user, as id(1) shows them', async ({ skip }) => {
  skip(!isRoot, ONLY_ROOT);
  const rows = readFileSync('/etc/passwd', 'utf8').matchAll(/^([^:\n]+):[^:]*:(\d+):/gm);
  const users = [...rows].map(([, name = '', uid]) => ({ name, uid: Number(uid) }));
  await using execd = await startExecd();
  for (const { name, uid } of users) {
    // Addendum A2.2: who runs as the daemon itself is not switched at all.
    if (uid === process.getuid?.()) continue;
    // Where two names share a uid the groups of both count, and id(1) shows those of one.
    if (users.some((other) => other.uid === uid && other.name !== name)) continue;
    expect(await identityOf(execd, { uid }), name).toEqual({
      uid,
      gid: idOfUser(name, '-g')[0],
      groups: distinct(idOfUser(name, '-G')),
    });
  }
});

shimTest(
  'contract §3.1: the groups are those of /etc/group, and a gid of the request changes the primary one alone',
  async ({ skip }) => {
    skip(!isRoot, ONLY_ROOT);
    await using directory = await temporaryDirectory();
    await writeFile(`${directory.path}/passwd`, 'root:x:0:0::/:/bin/sh\ntester:x:7001:7002::/:/bin/sh\n');
    await writeFile(
      `${directory.path}/group`,
      'root:x:0:\ntester:x:7002:\none:x:7010:tester\ntwo:x:7011:root,tester\nthree:x:7012:root\n',
    );
    const setup = ['passwd', 'group'].map((name) => `mount --bind ${directory.path}/${name} /etc/${name}`);
    const wrapper = await mountNamespace(setup.join('\n'));
    skip(wrapper === undefined, 'no mounts can be made here, so no /etc/group of our own');
    await using execd = await startListening([], process.env, undefined, wrapper);
    const groups = [7002, 7010, 7011];
    expect(await identityOf(execd, { uid: 7001 })).toEqual({ uid: 7001, gid: 7002, groups });
    expect(await identityOf(execd, { uid: 7001, gid: 4321 })).toEqual({ uid: 7001, gid: 4321, groups });
    expect(await identityOf(execd, { uid: 7001, groups: ['three', 'one', 5] })).toEqual({
      uid: 7001,
      gid: 7002,
      groups: [5, 7010, 7012],
    });
  },
);

shimTest('a daemon with groups of its own keeps them for itself', async ({ skip }) => {
  skip(!isRoot, ONLY_ROOT);
  await using execd = await startListening([], process.env, undefined, ['setpriv', '--groups', '4,27']);
  expect((await identityOf(execd, {})).groups).toEqual([4, 27]);
  expect(await identityOf(execd, { uid: 54_321 })).toEqual({ uid: 54_321, gid: 0, groups: [] });
  expect((await identityOf(execd, { uid: 54_321, gid: 54_321 })).groups).toEqual([]);
  expect((await identityOf(execd, { groups: [] })).groups).toEqual([]);
});

shimTest('groups are the complete list, by number and by name', async ({ skip }) => {
  skip(!isRoot, ONLY_ROOT);
  await using execd = await startExecd();
  const lists: [unknown, number[]][] = [
    [[], []],
    [[4_000_000_000], [4_000_000_000]],
    [
      [4242, 17, 4242 + 1],
      [17, 4242, 4243],
    ],
    [
      ['root', 17],
      [0, 17],
    ],
  ];
  for (const [groups, expected] of lists) {
    const who = { uid: 1234, gid: 4321 };
    expect(await identityOf(execd, { ...who, groups })).toEqual({ ...who, groups: expected });
    expect(await identityOf(execd, { groups })).toMatchObject({ uid: 0, gid: 0, groups: expected });
  }
});

shimTest(
  'null and no groups are the same, and the name of the field matches in any case',
  async ({ skip }) => {
    skip(!isRoot, ONLY_ROOT);
    await using execd = await startExecd();
    expect(await identityOf(execd, { uid: 54_321, groups: null })).toMatchObject({ groups: [] });
    expect(await identityOf(execd, { uid: 54_321, GROUPS: [17] })).toMatchObject({ groups: [17] });
  },
);

shimTest('a background command has its groups as well', async ({ skip }) => {
  skip(!isRoot, ONLY_ROOT);
  await using execd = await startExecd();
  const id = await startBackground(execd, { argv: SHOW, uid: 1234, groups: [17, 18] });
  await finished(execd, id);
  expect(parseIdentity(await logsOf(execd, id))).toEqual({ uid: 1234, gid: 0, groups: [17, 18] });
});

shimTest('a group opens what is its own, and nothing when it is not in the list', async ({ skip }) => {
  skip(!isRoot, ONLY_ROOT);
  await using directory = await temporaryDirectory();
  await chmod(directory.path, 0o755);
  const file = `${directory.path}/of-the-group`;
  await writeFile(file, 'secret\n', { mode: 0o640 });
  await chown(file, 0, 4242);
  await using execd = await startExecd();
  const body = { argv: ['cat', file], uid: 65_534 };
  expect(texts(await execd.run({ ...body, groups: [4242] }))).toEqual(['secret']);
  expect(await endingOf(execd, body)).toMatchObject({ exit_code: 1 });
  expect(await endingOf(execd, { ...body, groups: [4243] })).toMatchObject({ exit_code: 1 });
});

shimTest('a group that /etc/group does not know is 400 and names it; nothing was started', async () => {
  await using execd = await startExecd();
  const body = { command: 'true', groups: ['root', 'no-such-group-here'] };
  expect(await refusal(execd, body, 400, 'INVALID_REQUEST_BODY')).toContain('no-such-group-here');
  expect(await rowsOf(execd)).toEqual([]);
});

for (const groups of ['root', 5, {}, [-1], [4_294_967_296], [1.5], [null], [true], [['root']]]) {
  shimTest(`groups ${JSON.stringify(groups)} are 400`, async () => {
    await using execd = await startExecd();
    const message = await refusal(execd, { command: 'true', groups }, 400, 'INVALID_REQUEST_BODY');
    expect(message).toContain('groups');
    expect(await rowsOf(execd)).toEqual([]);
  });
}

shimTest('a daemon that may not change groups says so', async ({ skip }) => {
  skip(!isRoot, ONLY_ROOT);
  // As root, but without the capability: the files of the build may be closed to others.
  const wrapper = ['setpriv', '--bounding-set', '-setgid', '--inh-caps', '-setgid'];
  await using execd = await startListening([], process.env, undefined, wrapper);
  const events = await execd.run({ command: 'echo started', groups: [17] });
  expect(events.map(({ type }) => type)).toEqual(['init', 'error']);
  const error = events[1]?.type === 'error' ? events[1].error : undefined;
  expect(error).toMatchObject({ ename: 'CommandExecError', traceback: [error?.evalue] });
  expect(error?.evalue).toMatch(/^fork\/exec \/\S+: operation not permitted.*groups/);
});

childProcessTest('without the native launcher groups are 501, with the reason', async () => {
  await using execd = await startExecd();
  for (const groups of [[], [0], ['root']]) await expectNotSupported(execd, { command: 'true', groups });
  expect(await rowsOf(execd)).toEqual([]);
});

test('groups that are null are no groups', async () => {
  await using execd = await startExecd();
  expect(texts(await execd.run({ command: 'echo runs', groups: null }))).toEqual(['runs']);
});
