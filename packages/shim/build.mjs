// Compiles the shim. Runs under any Node from 20 on, before anything else is there: plain JavaScript, no dependencies.
//
//   node packages/shim/build.mjs [--arch x64|arm64] [--sanitizer address|undefined] [--optional]
//
// Prints the path of the binary. --optional: without a compiler, says so in one line and succeeds.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const PACKAGE = import.meta.dirname;
const SOURCES = join(PACKAGE, 'native');
const OUTPUT = join(PACKAGE, 'dist');
const VERSION = JSON.parse(readFileSync(join(PACKAGE, 'package.json'), 'utf8')).version;

const WARNINGS = ['-std=c11', '-D_GNU_SOURCE', '-Wall', '-Wextra', '-Werror', '-Wshadow', '-Wvla'];
const RELEASE = ['-O2', '-ffunction-sections', '-Wl,--gc-sections', '-static', '-s'];
const SANITIZERS = {
  address: ['-fsanitize=address'],
  undefined: ['-fsanitize=undefined', '-fno-sanitize-recover=all'],
};

/** Best first. musl makes a tenth of what glibc does, and glibc's static library is not everywhere. */
const COMPILERS = {
  x64: ['musl-gcc', 'x86_64-linux-gnu-gcc', 'cc'],
  arm64: ['aarch64-linux-musl-gcc', 'aarch64-linux-gnu-gcc', 'cc'],
};

const { values } = parseArgs({
  options: {
    arch: { type: 'string', default: process.arch },
    sanitizer: { type: 'string' },
    optional: { type: 'boolean', default: false },
  },
});
main(values);

function main({ arch, sanitizer, optional }) {
  const compiler = findCompiler(arch, sanitizer);
  if (compiler === undefined) {
    console.error(`shim: no C compiler for ${arch}: the daemons will start processes without it`);
    process.exitCode = optional ? 0 : 1;
    return;
  }
  const binary = join(OUTPUT, binaryName(arch, sanitizer));
  const flags = [
    ...WARNINGS,
    `-DSHIM_VERSION="${VERSION}"`,
    ...(sanitizer ? debugFlags(sanitizer) : RELEASE),
  ];
  compileIfChanged(compiler, flags, binary);
  if (process.exitCode !== 1) console.log(binary);
}

function findCompiler(arch, sanitizer) {
  // Sanitizers come with the C library that cc links.
  const candidates = sanitizer ? ['cc'] : (COMPILERS[arch] ?? ['cc']);
  return candidates.find((name) => canBuild(name, arch, sanitizer));
}

function canBuild(compiler, arch, sanitizer) {
  if (compiler !== 'cc' || sanitizer) return succeeds(compiler, ['--version']);
  return arch === process.arch && succeeds(compiler, ['--version']);
}

function succeeds(command, args) {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0;
}

function binaryName(arch, sanitizer) {
  if (sanitizer) return `shim-${sanitizer}`;
  return arch === process.arch ? 'shim' : `shim-${arch}`;
}

function debugFlags(sanitizer) {
  const flags = SANITIZERS[sanitizer];
  if (!flags) throw new Error(`unknown sanitizer: ${sanitizer}`);
  return ['-O1', '-g', '-fno-omit-frame-pointer', ...flags];
}

function compileIfChanged(compiler, flags, binary) {
  const names = readdirSync(SOURCES).sort();
  const hash = createHash('sha256').update(JSON.stringify([compiler, flags]));
  for (const name of names) hash.update(name).update(readFileSync(join(SOURCES, name)));
  const wanted = hash.digest('hex');
  const stamp = `${binary}.stamp`;
  if (existsSync(binary) && existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  mkdirSync(OUTPUT, { recursive: true });
  const sources = names.filter((name) => name.endsWith('.c'));
  // Beside it and renamed: the old one may be running, or be built by another process at the same time.
  const fresh = `${binary}.${process.pid}`;
  const { status, error } = spawnSync(compiler, [...flags, '-o', fresh, ...sources], {
    cwd: SOURCES,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (error || status !== 0) {
    console.error(`shim: ${compiler} failed${error ? `: ${error.message}` : ''}`);
    process.exitCode = 1;
    return;
  }
  renameSync(fresh, binary);
  writeFileSync(stamp, wanted);
}
