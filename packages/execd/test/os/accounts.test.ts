import { appendFile, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import * as system from '../../src/os/accounts.ts';
import { Accounts } from '../../src/os/accounts.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const PASSWD = `root:x:0:0:root:/root:/bin/bash
toor:x:0:7:second root:/other:/bin/sh
ann:x:1000:1000:Ann,,,:/home/ann:/bin/sh
ann:x:1009:1009:the second ann is nobody:/nowhere:/bin/sh
also-ann:x:1000:50:same id:/home/also:/bin/sh
j\u00fcrgen:x:1001:1001::/home/j\u00fcrgen:/bin/sh
homeless:x:1002:1002:::
# a comment
+::::::
short:x:1003
nouid:x::5::/:
nogid:x:1004:::/:
:x:1005:5::/:
minus:x:-1:5::/:
last:x:4294967294:4294967294::/last:/bin/sh`;

const GROUP = `root:x:0:
wheel:x:10:root,ann
staff:x:50:also-ann, ann
again:x:50:j\u00fcrgen
wheel:x:99:nobody
lonely:x:60
crlf:x:70:root,ann\r
+:::
`;

async function accountFiles() {
  const directory = await temporaryDirectory();
  const files = { passwd: `${directory.path}/passwd`, group: `${directory.path}/group` };
  await writeFile(files.passwd, PASSWD);
  await writeFile(files.group, GROUP);
  return {
    ...files,
    accounts: new Accounts(files.passwd, files.group),
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
}

test('users and groups are found by name and by id; of several the first counts', async () => {
  await using files = await accountFiles();
  const { accounts } = files;
  expect([0, 1000, 1001, 1009, 1003, 1004, 7].map((uid) => accounts.userName(uid))).toEqual([
    'root',
    'ann',
    'j\u00fcrgen',
    'ann',
    '1003',
    '1004',
    '7',
  ]);
  expect([0, 10, 50, 60, 99, 5].map((gid) => accounts.groupName(gid))).toEqual([
    'root',
    'wheel',
    'staff',
    'lonely',
    'wheel',
    '5',
  ]);
  const users = [
    'root',
    'toor',
    'ann',
    'j\u00fcrgen',
    'last',
    'short',
    '+',
    '',
    '1000',
    'minus',
    '__proto__',
  ];
  expect(users.map((name) => accounts.findUser(name))).toEqual([
    0,
    0,
    1000,
    1001,
    4_294_967_294,
    ...Array.from({ length: 6 }, () => undefined),
  ]);
  const groups = ['wheel', 'again', 'lonely', '+', '', 'nobody', 'constructor'];
  expect(groups.map((name) => accounts.findGroup(name))).toEqual([
    10,
    50,
    60,
    ...Array.from({ length: 4 }, () => undefined),
  ]);
});

test('homes and primary groups are those of the first entry', async () => {
  await using files = await accountFiles();
  const { accounts } = files;
  expect([0, 1000, 1002, 7].map((uid) => accounts.homeOf(uid))).toEqual([
    '/root',
    '/home/ann',
    undefined,
    undefined,
  ]);
  expect([0, 1000, 4_294_967_294, 7].map((uid) => accounts.primaryGroup(uid))).toEqual([
    0,
    1000,
    4_294_967_294,
    undefined,
  ]);
});

test('the groups of a user: the primary one and all that name it, by any of its names', async () => {
  await using files = await accountFiles();
  const { accounts } = files;
  expect(accounts.groupsOf(0)).toEqual([0, 10, 70]);
  expect(accounts.groupsOf(1000)).toEqual([10, 50, 70, 1000]);
  expect(accounts.groupsOf(1001)).toEqual([50, 1001]);
  expect(accounts.groupsOf(1002)).toEqual([1002]);
  expect(accounts.groupsOf(7)).toEqual([]);
});

test('a change shows in the next turn of the event loop, however it was made', async () => {
  await using files = await accountFiles();
  const { accounts } = files;
  expect(accounts.userName(2000)).toBe('2000');
  await appendFile(files.passwd, '\nnew:x:2000:2000::/home/new:/bin/sh\n');
  await nextTurn();
  expect(accounts.userName(2000)).toBe('new');
  expect(accounts.groupsOf(2000)).toEqual([2000]);
  await writeFile(`${files.group}+`, 'wheel:x:10:new\n');
  await rename(`${files.group}+`, files.group);
  await nextTurn();
  expect(accounts.groupsOf(2000)).toEqual([10, 2000]);
  expect(accounts.groupName(50)).toBe('50');
});

test('a file that is missing has no entries until it is there', async () => {
  await using files = await accountFiles();
  await rm(files.passwd);
  await rm(files.group);
  const { accounts } = files;
  expect([
    accounts.userName(0),
    accounts.groupName(0),
    accounts.findUser('root'),
    accounts.groupsOf(0),
  ]).toEqual(['0', '0', undefined, []]);
  await writeFile(files.passwd, PASSWD);
  await nextTurn();
  expect(accounts.userName(0)).toBe('root');
  await rm(files.passwd);
  await nextTurn();
  expect(accounts.userName(0)).toBe('0');
});

test('a name that is not UTF-8 is one, with a mark where it cannot be read', async () => {
  await using files = await accountFiles();
  await writeFile(files.passwd, Buffer.from('caf\u00e9:x:5:5::/:\n', 'latin1'));
  expect(files.accounts.userName(5)).toBe('caf\u{fffd}');
});

test('the accounts of this system are those of /etc/passwd and /etc/group', async () => {
  const passwd = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'));
  const group = (await readFile('/etc/group', 'utf8')).split('\n').map((line) => line.split(':'));
  expect(passwd.length).toBeGreaterThan(1);
  for (const [name = '', , uid] of passwd.filter((fields) => fields.length > 5)) {
    expect(system.findUser(name)).toBe(Number(uid));
    expect(system.userName(Number(uid))).toBeTypeOf('string');
    expect(system.groupsOf(Number(uid))).toContain(system.primaryGroup(Number(uid)));
  }
  for (const [name = '', , gid] of group.filter((fields) => fields.length > 3))
    expect(system.findGroup(name)).toBe(Number(gid));
  expect(system.homeOf(0)).toBe('/root');
  expect(system.groupName(4_000_000_000)).toBe('4000000000');
});
