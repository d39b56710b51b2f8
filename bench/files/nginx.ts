import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startOnFreePort } from '../server.ts';
import type { ServerUnderTest } from '../server.ts';
import type { ScratchDirectory } from './scratch-directory.ts';

/** Where it is installed to, and which a user's PATH may lack. */
const SYSTEM_PROGRAMS = '/usr/local/sbin:/usr/sbin';
let isAbsenceNoted = false;

/** An nginx of one worker that serves a directory with sendfile; undefined, with a notice, if there is no nginx. */
export async function startNginx(
  served: string,
  scratch: ScratchDirectory,
  signal: AbortSignal,
): Promise<ServerUnderTest | undefined> {
  if (await isInstalled()) return await startOnFreePort((port) => launch(port, served, scratch), signal);
  if (!isAbsenceNoted) console.error('nginx is not installed: downloads have no baseline');
  isAbsenceNoted = true;
  return undefined;
}

async function isInstalled(): Promise<boolean> {
  try {
    await promisify(execFile)('nginx', ['-v'], { env: environment() });
    return true;
  } catch {
    return false;
  }
}

function launch(port: number, served: string, scratch: ScratchDirectory): ChildProcess {
  const prefix = scratch.at('nginx');
  const configuration = join(prefix, 'nginx.conf');
  mkdirSync(prefix);
  writeFileSync(configuration, configure(port, served));
  return spawn('nginx', ['-e', 'stderr', '-p', prefix, '-c', configuration], {
    env: environment(),
    stdio: ['ignore', 'ignore', 'pipe'],
  });
}

function environment(): NodeJS.ProcessEnv {
  return { PATH: `${process.env['PATH'] ?? '/usr/bin'}:${SYSTEM_PROGRAMS}` };
}

/** The worker must be allowed to read what this user wrote, hence `user`, which only root may set. */
function configure(port: number, served: string): string {
  const user = process.getuid?.() === 0 ? 'user root;' : '';
  return `
daemon off;
worker_processes 1;
pid nginx.pid;
error_log stderr;
${user}
events {}
http {
  access_log off;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 1000000;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  server {
    listen 127.0.0.1:${port};
    root ${served};
    location = /ping { return 200; }
  }
}
`;
}
