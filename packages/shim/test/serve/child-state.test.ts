import { existsSync, readdirSync, readlinkSync } from 'node:fs';
import { chmod, copyFile, mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { LIMIT_RESOURCE } from '../../src/frames.ts';
import { procFile, statOf } from '../support/processes.ts';
import { program, script } from '../support/requests.ts';
import { Serve } from '../support/serve.ts';
import { until } from '../support/until.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const NOBODY = { uid: 65_534, gid: 65_533 };
const isRoot = process.geteuid?.() === 0;
const NEEDS_ROOT = 'only root can give its identity away';
const SIGPIPE = 13;
const BUSYBOX = '/bin/busybox';

describe('The child', () => {
  test('arguments arrive as they are', async () => {
    await using serve = await Serve.start();
    const odd = ['', ' ', 'a b', '\n', 'two\nlines', '"\'\\$(x)`y`', '-n', '*', 'é€😀', '\t\u0001\u007f', ''];
    const { stdout } = await serve.run(program(['/usr/bin/printf', '[%s]', ...odd]));
    expect(stdout).toBe(odd.map((text) => `[${text}]`).join(''));
  });

  test('the name of the program is argv[0], whatever the file is', async () => {
    await using serve = await Serve.start();
    const request = { ...script(''), argv: ['', '-c', 'cat /proc/$$/cmdline'] };
    expect((await serve.run(request)).stdout).toBe('\0-c\0cat /proc/$$/cmdline\0');
  });

  test('the environment is the one of the request, and nothing else', async () => {
    await using serve = await Serve.start();
    const environment = { A: '', B: 'two\nlines', 'odd name': 'x=y', É: '€', EMPTY: '' };
    const { stdout } = await serve.run(program(['/usr/bin/env', '-0'], { environment }));
    expect(stdout).toBe(
      Object.entries(environment)
        .map(([name, value]) => `${name}=${value}\0`)
        .join(''),
    );
    expect((await serve.run(program(['/usr/bin/env'], { environment: {} }))).stdout).toBe('');
  });

  test('no descriptor but 0, 1 and 2, whatever the shim was given and whoever else runs', async () => {
    await using serve = await Serve.start({ strayDescriptors: 5 });
    const others = await Promise.all(
      [1, 2, 3].map(() => serve.start(program(['/bin/cat'], { stdin: 'pipe' }))),
    );
    for (const mergeOutput of [false, true]) {
      for (const stdin of ['null', 'pipe'] as const) {
        const { pid } = await serve.start(program(['/bin/sleep', '300'], { stdin, mergeOutput }));
        // The dynamic loader opens and closes libraries before the program begins.
        await until(() => readdirSync(`/proc/${pid}/fd`).sort().join() === '0,1,2');
        const [input, output, errors] = [0, 1, 2].map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
        expect(input).toMatch(stdin === 'null' ? /^\/dev\/null$/ : /^pipe:/);
        expect(output).toMatch(/^pipe:/);
        expect(errors).toMatch(/^pipe:/);
        expect(errors === output).toBe(mergeOutput);
      }
    }
    expect(others).toHaveLength(3);
  });

  test.each([
    { name: 'as the shim', identity: undefined },
    { name: 'as somebody else', identity: NOBODY },
  ])('the streams can be opened by name $name', async ({ identity }) => {
    await using serve = await Serve.start();
    const text = 'cat /dev/stdin > /dev/stdout; echo bad >> /dev/stderr; echo more > /proc/self/fd/1';
    const running = await serve.start(script(text, { stdin: 'pipe', identity }));
    await running.child.write(Buffer.from('in\n'));
    running.child.closeStdin();
    expect(await running.finish()).toMatchObject({
      stdout: 'in\nmore\n',
      stderr: 'bad\n',
      exit: { value: 0 },
    });
    const nothing = await serve.run(
      script('cat /dev/stdin; echo bad > /dev/stderr', { mergeOutput: true, identity }),
    );
    expect(nothing).toMatchObject({ stdout: 'bad\n', exit: { value: 0 } });
  });

  test.each([
    { name: 'as Node starts it', through: [] },
    { name: 'with everything ignored', through: ['/usr/bin/env', '--ignore-signal'] },
    { name: 'with everything blocked', through: ['/usr/bin/env', '--block-signal'] },
  ])('signals have their defaults, nothing is blocked, for a shim $name', async ({ through }) => {
    await using serve = await Serve.start({ through });
    const { stdout } = await serve.run(program(['/bin/cat', '/proc/self/status']));
    expect(stdout).toMatch(/^SigBlk:\t0{16}$/m);
    expect(stdout).toMatch(/^SigIgn:\t0{16}$/m);
    expect(stdout).toMatch(/^SigCgt:\t0{16}$/m);
    const { stderr } = await serve.run(script('(yes; echo $? >&2) | head -n 1'));
    expect(stderr).toBe(`${128 + SIGPIPE}\n`);
  });

  test('it leads a session and a group of its own, without a terminal', async () => {
    await using serve = await Serve.start();
    const { pid } = await serve.start(program(['/bin/sleep', '300']));
    expect(statOf(pid)).toMatchObject({ parent: serve.pid, group: pid, session: pid });
    const { exit } = await serve.run(script('exec < /dev/tty'));
    expect(exit.value).not.toBe(0);
  });

  test('the working directory', async () => {
    await using directory = await temporaryDirectory();
    const odd = join(directory.path, 'two\nlines é');
    await mkdir(odd);
    await using serve = await Serve.start();
    const working = async (cwd?: string) => (await serve.run(program(['/bin/pwd'], { cwd }))).stdout;
    expect(await working(odd)).toBe(`${odd}\n`);
    expect(await working()).toBe('/\n');
    expect(await working('usr')).toBe('/usr\n');
  });

  test('a relative file counts from the working directory', async () => {
    await using serve = await Serve.start();
    const request = { ...program(['/bin/echo', 'here'], { cwd: '/bin' }), file: './echo' };
    expect((await serve.run(request)).stdout).toBe('here\n');
  });

  test('umask and nice are those of the shim', async () => {
    await using serve = await Serve.start();
    const { stdout } = await serve.run(program(['/bin/grep', '-E', '^Umask', '/proc/self/status']));
    expect(stdout).toBe(procFile(process.pid, 'status').match(/^Umask.*\n/m)?.[0]);
    const { pid } = await serve.start(program(['/bin/sleep', '300']));
    expect(statOf(pid)?.nice).toBe(statOf(serve.pid)?.nice);
  });
});

describe('The child: spawn', () => {
  test('identity and groups, exactly, for users without an entry too', async ({ skip }) => {
    skip(!isRoot, NEEDS_ROOT);
    await using serve = await Serve.start();
    const identity = { uid: 4_000_000_001, gid: 4_000_000_002 };
    const lines = async (groups?: number[]) => {
      const request = program(['/bin/grep', '-E', '^(Uid|Gid|Groups|Cap(Prm|Eff))', '/proc/self/status'], {
        identity,
        groups,
      });
      return (await serve.run(request)).stdout;
    };
    const { uid, gid } = identity;
    const ids = `Uid:\t${Array(4).fill(uid).join('\t')}\nGid:\t${Array(4).fill(gid).join('\t')}\n`;
    const powerless = `CapPrm:\t${'0'.repeat(16)}\nCapEff:\t${'0'.repeat(16)}\n`;
    expect(await lines([])).toBe(`${ids}Groups:\t \n${powerless}`);
    expect(await lines([7, 4_000_000_003])).toBe(`${ids}Groups:\t7 4000000003 \n${powerless}`);
    const many = Array.from({ length: 1000 }, (_, index) => 100_000 + index);
    expect(await lines(many)).toBe(`${ids}Groups:\t${many.join(' ')} \n${powerless}`);
    expect(await lines()).toMatch(/^Groups:/m);
  });

  test('groups without an identity', async ({ skip }) => {
    skip(!isRoot, NEEDS_ROOT);
    await using serve = await Serve.start();
    const request = program(['/usr/bin/id', '-G'], { groups: [5, 6] });
    expect((await serve.run(request)).stdout).toBe('0 5 6\n');
  });

  test('the file of another user is executed with the rights of that user', async ({ skip }) => {
    skip(!isRoot, NEEDS_ROOT);
    await using directory = await temporaryDirectory();
    await using serve = await Serve.start();
    const file = join(directory.path, 'true');
    await copyFile('/bin/true', file);
    await chmod(directory.path, 0o755);
    await chmod(file, 0o700);
    expect((await serve.run({ ...program(['true']), file })).exit.value).toBe(0);
    const asNobody = serve.start({ ...program(['true'], { identity: NOBODY }), file });
    await expect(asNobody).rejects.toMatchObject({ step: 'exec', errno: 13 });
  });

  test('limits, soft and hard, and no others', async () => {
    await using serve = await Serve.start();
    const limits = [
      { resource: LIMIT_RESOURCE.openFiles, soft: 100n, hard: 200n },
      { resource: LIMIT_RESOURCE.cpuSeconds, soft: 7n, hard: 9n },
      { resource: LIMIT_RESOURCE.fileSize, soft: 1n, hard: 2n ** 40n },
      { resource: LIMIT_RESOURCE.addressSpace, soft: 2n ** 33n, hard: undefined },
      { resource: LIMIT_RESOURCE.processes, soft: 50n, hard: 60n },
    ];
    const { pid } = await serve.start(program(['/bin/sleep', '300'], { limits }));
    const own = limitsOf(serve.pid);
    const changed = limitsOf(pid);
    expect(changed['Max open files']).toBe('100 200');
    expect(changed['Max cpu time']).toBe('7 9');
    expect(changed['Max file size']).toBe(`1 ${2 ** 40}`);
    expect(changed['Max address space']).toBe(`${2 ** 33} unlimited`);
    expect(changed['Max processes']).toBe('50 60');
    for (const name of ['Max stack size', 'Max core file size', 'Max locked memory', 'Max data size']) {
      expect(changed[name], name).toBe(own[name]);
    }
  });

  test('limits that the shim changes for itself are those that it was started with', async () => {
    await using serve = await Serve.start({ through: ['/usr/bin/prlimit', '--nofile=100:4000'] });
    const { pid } = await serve.start(program(['/bin/sleep', '300']));
    expect(limitsOf(pid)['Max open files']).toBe('100 4000');
  });

  test('nice, oom_score_adj and no_new_privs', async () => {
    await using serve = await Serve.start();
    const change = { nice: 7, oomScoreAdjustment: 321, noNewPrivileges: true };
    const { pid } = await serve.start(program(['/bin/sleep', '300'], change));
    expect(statOf(pid)?.nice).toBe(7);
    expect(procFile(pid, 'oom_score_adj')).toBe('321\n');
    expect(procFile(pid, 'status')).toMatch(/^NoNewPrivs:\t1$/m);
    const { pid: plain } = await serve.start(program(['/bin/sleep', '300']));
    expect(procFile(plain, 'status')).toMatch(/^NoNewPrivs:\t0$/m);
    expect(procFile(plain, 'oom_score_adj')).toBe(procFile(serve.pid, 'oom_score_adj'));
  });

  test('all of it together, as another user', async ({ skip }) => {
    skip(!isRoot, NEEDS_ROOT);
    await using serve = await Serve.start();
    const limits = [{ resource: LIMIT_RESOURCE.openFiles, soft: 64n, hard: 64n }];
    const request = program(['/bin/sleep', '300'], {
      identity: NOBODY,
      groups: [NOBODY.gid, 9],
      limits,
      nice: -3,
      oomScoreAdjustment: 500,
      noNewPrivileges: true,
      root: '/',
      cwd: '/usr/share',
    });
    const { pid } = await serve.start(request);
    expect(statOf(pid)?.nice).toBe(-3);
    expect(procFile(pid, 'oom_score_adj')).toBe('500\n');
    expect(procFile(pid, 'status')).toMatch(
      /^Uid:\t65534\t65534\t65534\t65534\nGid:\t65533\t65533\t65533\t65533$/m,
    );
    expect(limitsOf(pid)['Max open files']).toBe('64 64');
    expect(readlinkSync(`/proc/${pid}/cwd`)).toBe('/usr/share');
  });

  test('another root: file, working directory and interpreter are looked up in it', async ({ skip }) => {
    skip(!isRoot, NEEDS_ROOT);
    skip(!existsSync(BUSYBOX), 'no busybox, which needs no library, to run in another root');
    await using directory = await temporaryDirectory();
    await mkdir(join(directory.path, 'bin'));
    await mkdir(join(directory.path, 'inside'));
    await copyFile(BUSYBOX, join(directory.path, 'bin', 'busybox'));
    await symlink('/bin/busybox', join(directory.path, 'bin', 'sh'));
    await using serve = await Serve.start();
    const root = directory.path;
    const inside = await serve.run(script('pwd; echo /*; exit 5', { root, cwd: '/inside' }));
    expect(inside).toMatchObject({ stdout: '/inside\n/bin /inside\n', exit: { value: 5 } });
    const atRoot = await serve.run(script('cd ..; pwd; echo *', { root }));
    expect(atRoot.stdout).toBe('/\nbin inside\n');
    const missing = serve.start(script('', { root, cwd: directory.path }));
    await expect(missing).rejects.toMatchObject({ step: 'cwd', errno: 2 });
    const other = await serve.run(script('cd /; ls -d /proc'));
    expect(other.stdout).toBe('/proc\n');
  });
});

describe('Tag', () => {
  test('each child has a soft limit of pending signals of its own, below that of the shim by 1 to 4,096', async () => {
    await using serve = await Serve.start();
    const children = await Promise.all(
      Array.from({ length: 50 }, () => serve.start(program(['/bin/sleep', '300']))),
    );
    const [ownSoft, ownHard] = pendingSignals(serve.pid);
    const tags = children.map(({ pid }) => {
      const [soft, hard] = pendingSignals(pid);
      expect(hard).toBe(ownHard);
      return ownSoft - soft;
    });
    expect(Math.min(...tags)).toBeGreaterThanOrEqual(1);
    expect(Math.max(...tags)).toBeLessThanOrEqual(4096);
    expect(new Set(tags).size).toBe(50);
  });
});

function pendingSignals(pid: number): [soft: number, hard: number] {
  const [soft, hard] = (limitsOf(pid)['Max pending signals'] ?? '').split(' ').map(Number);
  return [soft ?? 0, hard ?? 0];
}

/** `soft hard` by the names that the kernel gives. */
function limitsOf(pid: number): Record<string, string> {
  const rows = procFile(pid, 'limits').matchAll(/^(Max [a-z ]+?) {2,}(\S+) +(\S+)/gm);
  return Object.fromEntries([...rows].map(([, name = '', soft, hard]) => [name, `${soft} ${hard}`]));
}
