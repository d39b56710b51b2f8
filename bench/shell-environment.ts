import { mkdtemp, readdir, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The shells a server may choose: bash if it is on PATH, else sh. */
export type Shell = 'bash' | 'sh';

/** Environment variables for a server and its baseline; disposing removes what was made for them. */
export interface ShellEnvironment extends AsyncDisposable {
  readonly variables: NodeJS.ProcessEnv;
}

/** An environment in which a server finds the given shell; rejects if this machine does not have it. */
export async function shellEnvironment(shell: Shell): Promise<ShellEnvironment> {
  return shell === 'bash' ? environmentWithBash() : await environmentWithoutBash();
}

/** An environment for a server that starts no commands. */
export function plainEnvironment(): NodeJS.ProcessEnv {
  return variablesWith(process.env['PATH'] ?? BASH_DIRECTORIES.join(':'));
}

const BASH_DIRECTORIES = ['/usr/bin', '/bin'];

async function environmentWithBash(): Promise<ShellEnvironment> {
  const path = process.env['PATH'] ?? BASH_DIRECTORIES.join(':');
  const listings = await Promise.all(path.split(':').map(listDirectory));
  if (!listings.flat().includes('bash')) throw new Error('bash is not on PATH');
  return { variables: variablesWith(path), [Symbol.asyncDispose]: async () => {} };
}

/** PATH is one temporary directory: links to everything but bash. */
async function environmentWithoutBash(): Promise<ShellEnvironment> {
  const directory = await mkdtemp(join(tmpdir(), 'bench-path-'));
  const linked = new Set(['bash']);
  for (const source of BASH_DIRECTORIES) {
    const names = (await listDirectory(source)).filter((name) => !linked.has(name));
    await Promise.all(names.map((name) => symlink(join(source, name), join(directory, name))));
    for (const name of names) linked.add(name);
  }
  return {
    variables: variablesWith(directory),
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true }),
  };
}

async function listDirectory(path: string): Promise<string[]> {
  try {
    return await readdir(path);
  } catch {
    return []; // PATH may name directories that do not exist
  }
}

/** Only what programs need: the caller's settings for the server must not leak into the measurement. */
function variablesWith(path: string): NodeJS.ProcessEnv {
  return { PATH: path, HOME: process.env['HOME'], LANG: process.env['LANG'], TMPDIR: process.env['TMPDIR'] };
}
