// Compiles the shim. Runs under any Node from 20.11 on, before anything else is there: plain JavaScript, no dependencies.
//
//   node packages/shim/build.mjs [--arch x64|arm64] [--sanitizer address|undefined] [--fuzz] [--output DIR] [--optional]
//
// Prints the path of the binary. --fuzz: the fuzzer of the frame decoder, with both sanitizers, in place of the shim.
// --optional: where nothing can compile it, says so in one line and succeeds.
// Exit status: 0, 1 when there is no binary, 2 for a command line that makes no sense.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

const PACKAGE = import.meta.dirname;
const SOURCES = join(PACKAGE, 'native');
const FUZZER = 'fuzz';
const VERSION = JSON.parse(readFileSync(join(PACKAGE, 'package.json'), 'utf8')).version;

const WARNINGS = ['-std=c11', '-D_GNU_SOURCE', '-Wall', '-Wextra', '-Werror', '-Wshadow', '-Wvla'];
const RELEASE = ['-O2', '-ffunction-sections', '-Wl,--gc-sections', '-static', '-s'];
const DEBUG = ['-O1', '-g', '-fno-omit-frame-pointer'];
/** By the name behind `shim-`. */
const DEBUG_VARIANTS = {
  address: [...DEBUG, '-fsanitize=address'],
  undefined: [...DEBUG, '-fsanitize=undefined', '-fno-sanitize-recover=all'],
  fuzz: [...DEBUG, '-fsanitize=address,undefined', '-fno-sanitize-recover=all'],
};
const SANITIZERS = ['address', 'undefined'];

/** How Debian and others call the compilers for a machine, wherever they run. */
const MACHINES = { x64: 'x86_64-linux', arm64: 'aarch64-linux' };
/** Needs the C library's headers and itself, as everything of ours does. */
const PROBE = '#include <stdio.h>\nint main(void) { return puts("") < 0; }\n';

const USAGE_ERROR = 2;

main();

function main() {
  const build = readCommandLine();
  if (build === undefined) {
    process.exitCode = USAGE_ERROR;
    return;
  }
  mkdirSync(dirname(build.binary), { recursive: true });
  // Everything is made here and renamed: the old binary may be running, or be made by another build at the same time.
  const workplace = mkdtempSync(join(dirname(build.binary), '.build-'));
  try {
    if (compileIfChanged(build, workplace)) console.log(build.binary);
  } finally {
    rmSync(workplace, { recursive: true });
  }
}

/** What is to be built; undefined for a command line that makes no sense. */
function readCommandLine() {
  try {
    const { values } = parseArgs({
      options: {
        arch: { type: 'string', default: process.arch },
        sanitizer: { type: 'string' },
        fuzz: { type: 'boolean', default: false },
        output: { type: 'string', default: join(PACKAGE, 'dist') },
        optional: { type: 'boolean', default: false },
      },
    });
    return describeBuild(values);
  } catch (error) {
    console.error(`shim: ${error.message}`);
    return undefined;
  }
}

function describeBuild({ arch, sanitizer, fuzz, output, optional }) {
  const variant = fuzz ? 'fuzz' : sanitizer;
  const isNative = arch === process.arch;
  if (!isNative && !Object.hasOwn(MACHINES, arch)) throw new Error(`unknown architecture: ${arch}`);
  if (sanitizer && !SANITIZERS.includes(sanitizer)) throw new Error(`unknown sanitizer: ${sanitizer}`);
  if (fuzz && sanitizer) throw new Error('--fuzz has its own sanitizers');
  if (!isNative && variant) throw new Error(`sanitizers are for this machine, which is ${process.arch}`);
  const special = variant ? DEBUG_VARIANTS[variant] : RELEASE;
  return {
    arch,
    optional,
    binary: resolve(output, binaryName(arch, variant)),
    // Sanitizers come with the C library that cc links.
    compilers: variant ? ['cc'] : compilersFor(arch),
    flags: [...WARNINGS, `-DSHIM_VERSION="${VERSION}"`, ...special],
    files: fuzz ? fuzzerFiles() : filesIn('.'),
  };
}

/** Best first: musl makes a tenth of what glibc does, and glibc's static library is not everywhere. */
function compilersFor(arch) {
  const machine = MACHINES[arch];
  const named = machine ? [`${machine}-musl-gcc`, `${machine}-gnu-gcc`] : [];
  return arch === process.arch ? ['musl-gcc', ...named, 'cc'] : named;
}

function binaryName(arch, variant) {
  if (variant) return `shim-${variant}`;
  return arch === process.arch ? 'shim' : `shim-${arch}`;
}

/** The shim's sources and headers without its main, and those of the fuzzer. */
function fuzzerFiles() {
  return [...filesIn('.').filter((file) => file !== 'main.c'), ...filesIn(FUZZER)];
}

function filesIn(directory) {
  const names = readdirSync(join(SOURCES, directory)).filter((name) => /\.[ch]$/.test(name));
  return names.sort().map((name) => join(directory, name));
}

/** True when the binary is what the sources, the flags and the best compiler that works make of it. */
function compileIfChanged(build, workplace) {
  for (const compiler of build.compilers) {
    const version = spawnSync(compiler, ['--version'], { encoding: 'utf8' });
    if (version.status !== 0) continue;
    const inputs = fingerprint(build, compiler, version.stdout);
    if (isBuilt(build.binary, inputs)) return true;
    if (canLink(build, compiler, workplace)) return compile(build, compiler, inputs, workplace);
  }
  const tried = build.compilers.join(', ');
  console.error(
    `shim: no C compiler for ${build.arch} (${tried}): the daemons will start processes without it`,
  );
  process.exitCode = build.optional ? 0 : 1;
  return false;
}

function fingerprint({ flags, files }, compiler, version) {
  const hash = createHash('sha256').update(JSON.stringify([compiler, version, flags]));
  for (const file of files) hash.update(file).update(readFileSync(join(SOURCES, file)));
  return hash.digest('hex');
}

/** The stamp names the binary, too: of two builds at the same time, one may write the binary and the other the stamp. */
function isBuilt(binary, inputs) {
  try {
    return readFileSync(`${binary}.stamp`, 'utf8') === stampOf(binary, inputs);
  } catch {
    // Not there yet.
    return false;
  }
}

function stampOf(binary, inputs) {
  return `${inputs} ${createHash('sha256').update(readFileSync(binary)).digest('hex')}\n`;
}

/** A compiler may be there without a C library to link statically, or without the sanitizer's. */
function canLink({ flags }, compiler, workplace) {
  const output = ['-o', join(workplace, 'probe')];
  return spawnSync(compiler, [...flags, ...output, '-x', 'c', '-'], { input: PROBE }).status === 0;
}

function compile({ binary, flags, files }, compiler, inputs, workplace) {
  const fresh = join(workplace, 'binary');
  const stamp = join(workplace, 'stamp');
  const sources = files.filter((file) => file.endsWith('.c'));
  const { status } = spawnSync(compiler, [...flags, '-I.', '-o', fresh, ...sources], {
    cwd: SOURCES,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (status !== 0) {
    console.error(`shim: ${compiler} failed`);
    process.exitCode = 1;
    return false;
  }
  writeFileSync(stamp, stampOf(fresh, inputs));
  renameSync(fresh, binary);
  renameSync(stamp, `${binary}.stamp`);
  return true;
}
