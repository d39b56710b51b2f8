// Makes a clone ready: dependencies by `npm ci`, and with --build the daemons. Does nothing that is already done.
// Runs under the Node that npm runs on, which may be older than the one that is pinned: plain JavaScript only.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync, mkdirSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..');
const STAMP = join(ROOT, 'node_modules', '.setup-stamp');

installDependencies();
if (process.argv.includes('--build')) build();

function installDependencies() {
  const wanted = createHash('sha256')
    .update(readFileSync(join(ROOT, 'package-lock.json')))
    .digest('hex');
  if (existsSync(STAMP) && readFileSync(STAMP, 'utf8') === wanted) return;
  console.log('setup: installing dependencies (npm ci)');
  run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], nodeHeaders());
  mkdirSync(dirname(STAMP), { recursive: true });
  writeFileSync(STAMP, wanted);
}

/** node-pty compiles against Node's headers; those of this machine save a download. Its interface is stable (N-API). */
function nodeHeaders() {
  const prefix = dirname(dirname(process.execPath));
  const headers = join(prefix, 'include', 'node', 'node_api.h');
  return existsSync(headers) ? { npm_config_nodedir: prefix } : {};
}

function build() {
  run(process.execPath, [join(ROOT, 'packages', 'shim', 'build.mjs'), '--optional']);
  run(join(ROOT, 'node_modules', '.bin', 'node'), [
    join(ROOT, 'node_modules', 'rolldown', 'bin', 'cli.mjs'),
    '-c',
    'rolldown.config.ts',
    '--log-level',
    'warn',
  ]);
}

function run(command, args, extraEnvironment = {}) {
  const { status, error } = spawnSync(command, args, {
    cwd: ROOT,
    stdio: 'inherit',
    env: { ...process.env, ...extraEnvironment },
  });
  if (error || status !== 0) {
    console.error(`setup: ${command} ${args.join(' ')} failed${error ? `: ${error.message}` : ''}`);
    process.exit(status || 1);
  }
}
