import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import {
  chmod,
  copyFile,
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const PACKAGE = join(import.meta.dirname, '..');
const VERSION = (JSON.parse(readFileSync(join(PACKAGE, 'package.json'), 'utf8')) as { version: string })
  .version;
/** The least that is a shim. */
const SMALL_SOURCE = '#include <stdio.h>\nint main(void) { puts(SHIM_VERSION); return 0; }\n';
const BUILD_LIMIT_MS = 120_000;

const X86_64 = 62;
const ARM64 = 183;

test(
  'for this machine: one static file, with musl or without',
  { timeout: BUILD_LIMIT_MS },
  async ({ skip }) => {
    skip(process.arch !== 'x64', 'knows the compilers of x86-64');
    skip(spawnSync('musl-gcc', ['--version']).status !== 0, 'musl-gcc is not installed');
    await using output = await emptyDirectory();
    const withoutMusl = {
      PATH: await pathOf(output.path, ['cc', 'gcc', 'x86_64-linux-gnu-gcc', 'as', 'ld']),
    };
    const small = await build(['--output', join(output.path, 'musl')]);
    const large = await build(['--output', join(output.path, 'glibc')], withoutMusl);
    const sizes: number[] = [];
    for (const { status, stdout, stderr } of [small, large]) {
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      const file = stdout.trim();
      expect(execFileSync(file, ['--version'], { encoding: 'utf8' })).toBe(`shim ${VERSION}\n`);
      expect(await readElf(file)).toEqual({ machine: X86_64, isStatic: true });
      sizes.push((await stat(file)).size);
    }
    const [muslSize = 0, glibcSize = 0] = sizes;
    expect(muslSize).toBeLessThan(glibcSize);
  },
);

test('for arm64: a static file of that machine', { timeout: BUILD_LIMIT_MS }, async ({ skip }) => {
  skip(process.arch !== 'x64', 'compiles for another machine than x86-64');
  const compiler = 'aarch64-linux-gnu-gcc';
  skip(spawnSync(compiler, ['--version']).status !== 0, `${compiler} is not installed`);
  await using output = await emptyDirectory();
  const { status, stdout, stderr } = await build(['--arch', 'arm64', '--output', output.path]);
  expect({ status, stdout, stderr }).toEqual({
    status: 0,
    stdout: `${join(output.path, 'shim-arm64')}\n`,
    stderr: '',
  });
  expect(await readElf(stdout.trim())).toEqual({ machine: ARM64, isStatic: true });
});

test.each([
  ['address', '__asan_init'],
  ['undefined', '__ubsan_handle'],
])('with the %s sanitizer', { timeout: BUILD_LIMIT_MS }, async (sanitizer, symbol) => {
  await using output = await emptyDirectory();
  const { status, stdout, stderr } = await build(['--sanitizer', sanitizer, '--output', output.path]);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(stdout).toBe(`${join(output.path, `shim-${sanitizer}`)}\n`);
  expect(await readFile(stdout.trim(), 'latin1')).toContain(symbol);
  expect(execFileSync(stdout.trim(), ['--version'], { encoding: 'utf8' })).toBe(`shim ${VERSION}\n`);
});

test('without a compiler: one line, and failure unless it is optional', async () => {
  await using output = await emptyDirectory();
  const nothing = { PATH: output.path };
  const failed = await build(['--output', join(output.path, 'dist')], nothing);
  expect(failed).toMatchObject({ status: 1, stdout: '' });
  expect(failed.stderr).toMatch(
    /^shim: no C compiler for .*: the daemons will start processes without it\n$/,
  );
  const passed = await build(['--optional', '--output', join(output.path, 'dist')], nothing);
  expect(passed).toEqual({ ...failed, status: 0 });
  expect(await readdir(join(output.path, 'dist'))).toEqual([]);
});

test('a compiler that cannot link is passed over', async () => {
  await using copy = await smallPackage();
  const path = await pathOf(copy.path, ['cc', 'as', 'ld']);
  await writeFile(join(path, 'musl-gcc'), '#!/bin/sh\n[ "$1" = --version ]\n');
  await chmod(join(path, 'musl-gcc'), 0o755);
  expect(await build([], { PATH: path }, copy.path)).toMatchObject({ status: 0, stderr: '' });
  expect(execFileSync(copy.binary, { encoding: 'utf8' })).toBe(`${VERSION}\n`);
  await rm(join(path, 'cc'));
  await rm(copy.binary);
  expect(await build([], { PATH: path }, copy.path)).toMatchObject({ status: 1, stdout: '' });
});

test('a bad source: the compiler says what is wrong, and what was there stays', async () => {
  await using copy = await smallPackage();
  expect(await build([], {}, copy.path)).toMatchObject({ status: 0 });
  await writeFile(copy.source, `${SMALL_SOURCE}int unused(int argument) { return 0; }\n`);
  for (const args of [[], ['--optional']]) {
    const { status, stdout, stderr } = await build(args, {}, copy.path);
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toMatch(/main\.c:3:.*unused parameter 'argument'|main\.c:3:.*unused parameter ‘argument’/);
    expect(stderr).toMatch(/\nshim: .* failed\n$/);
  }
  expect(execFileSync(copy.binary, { encoding: 'utf8' })).toBe(`${VERSION}\n`);
  expect(await readdir(copy.dist)).toEqual(['shim', 'shim.stamp']);
});

test('is made again only when something changed', async () => {
  await using copy = await smallPackage();
  const made = async () => {
    expect(await build([], {}, copy.path)).toEqual({ status: 0, stdout: `${copy.binary}\n`, stderr: '' });
    return (await stat(copy.binary, { bigint: true })).ino;
  };
  const first = await made();
  expect(await made()).toBe(first);
  await writeFile(copy.source, SMALL_SOURCE.replace('puts', '(void)puts'));
  const second = await made();
  expect(second).not.toBe(first);
  await writeFile(join(copy.path, 'native', 'more.h'), '');
  const third = await made();
  expect(third).not.toBe(second);
  // What other tools keep beside the sources is none.
  await writeFile(join(copy.path, 'native', 'notes.txt'), '');
  expect(await made()).toBe(third);
  await writeFile(copy.binary, 'of another build');
  expect(await made()).not.toBe(third);
  expect(execFileSync(copy.binary, { encoding: 'utf8' })).toBe(`${VERSION}\n`);
  await rm(copy.binary);
  await made();
});

test('builds at the same time do not disturb each other, nor who runs the binary', async () => {
  await using copy = await smallPackage();
  expect(await build([], {}, copy.path)).toMatchObject({ status: 0 });
  for (let round = 0; round < 3; round += 1) {
    await writeFile(copy.source, `${SMALL_SOURCE}/* ${round} */\n`);
    const builds = Promise.all(Array.from({ length: 4 }, () => build([], {}, copy.path)));
    const state = { built: false };
    void builds.then(() => (state.built = true));
    while (!state.built) {
      expect(await run(copy.binary, [], {})).toEqual({ status: 0, stdout: `${VERSION}\n`, stderr: '' });
    }
    for (const one of await builds)
      expect(one).toEqual({ status: 0, stdout: `${copy.binary}\n`, stderr: '' });
  }
  expect(await readdir(copy.dist)).toEqual(['shim', 'shim.stamp']);
});

test.each([
  [['--arch', 'pdp11'], 'unknown architecture: pdp11'],
  [['--sanitizer', 'memory'], 'unknown sanitizer: memory'],
  [['--sanitizer', 'fuzz'], 'unknown sanitizer: fuzz'],
  [['--fuzz', '--sanitizer', 'address'], '--fuzz has its own sanitizers'],
  [['--fast'], "Unknown option '--fast'"],
])('%j makes no sense', async (args, reason) => {
  const { status, stdout, stderr } = await build(args);
  expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  expect(stderr).toContain(`shim: ${reason}`);
});

interface Ended {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

function build(
  args: readonly string[],
  environment: NodeJS.ProcessEnv = {},
  packagePath = PACKAGE,
): Promise<Ended> {
  return run(process.execPath, [join(packagePath, 'build.mjs'), ...args], environment);
}

function run(file: string, args: readonly string[], environment: NodeJS.ProcessEnv): Promise<Ended> {
  return new Promise((resolve) => {
    const child = execFile(file, args, { env: { ...process.env, ...environment } }, (_, stdout, stderr) => {
      resolve({ status: child.exitCode ?? -1, stdout, stderr });
    });
  });
}

async function emptyDirectory(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'shim-build-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}

/** A package with the real build script and a program of three lines. */
async function smallPackage() {
  const directory = await emptyDirectory();
  const { path } = directory;
  await mkdir(join(path, 'native'));
  for (const name of ['build.mjs', 'package.json']) await copyFile(join(PACKAGE, name), join(path, name));
  const source = join(path, 'native', 'main.c');
  await writeFile(source, SMALL_SOURCE);
  const dist = join(path, 'dist');
  return { ...directory, source, dist, binary: join(dist, 'shim') };
}

/** A directory with these programs of the machine and no others, to be a PATH. */
async function pathOf(parent: string, programs: readonly string[]): Promise<string> {
  const path = join(parent, 'path');
  await mkdir(path);
  for (const name of programs) {
    const file = execFileSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).trim();
    await symlink(file, join(path, name));
  }
  return path;
}

/** Of a 64-bit ELF file: its machine, and whether it needs no interpreter. */
async function readElf(file: string): Promise<{ machine: number; isStatic: boolean }> {
  const INTERPRETER = 3;
  const bytes = await readFile(file);
  const table = Number(bytes.readBigUInt64LE(32));
  const entrySize = bytes.readUInt16LE(54);
  const types = Array.from({ length: bytes.readUInt16LE(56) }, (_, index) =>
    bytes.readUInt32LE(table + index * entrySize),
  );
  return { machine: bytes.readUInt16LE(18), isStatic: !types.includes(INTERPRETER) };
}
