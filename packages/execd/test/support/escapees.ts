import { chmod, readFile } from 'node:fs/promises';
import { onShim } from './launcher.ts';
import { kill } from './processes.ts';
import { temporaryDirectory } from './temporary-directory.ts';

/**
 * Ways to get away from the command that started a process. Each line puts one process in the background that writes its
 * id to FILE and then sleeps; nothing else is left of it.
 */
const WAYS = {
  /** Nothing at all. */
  child: `sh -c 'echo $$ > FILE; exec sleep 401' &`,
  /** A session of its own. */
  session: `setsid sh -c 'echo $$ > FILE; exec sleep 402' &`,
  /** Its parent is gone. */
  orphan: `(sh -c 'echo $$ > FILE; exec sleep 403' &)`,
  /** Forked twice, with a session of its own. */
  daemon: `(setsid sh -c 'echo $$ > FILE; exec sleep 404' &)`,
  /** The same without any environment or stream of the command. */
  stranger: `(env -i setsid sh -c 'echo $$ > FILE; exec sleep 405' </dev/null >/dev/null 2>&1 &)`,
};

export type Way = keyof typeof WAYS;

/** Those that the launcher of this run finds: without the native one a daemon that threw its environment away is lost. */
export const WAYS_FOUND = (Object.keys(WAYS) as Way[]).filter((way) => onShim || way !== 'stranger');

/** Processes that a command leaves behind. Disposing it kills them. */
export interface Escapees extends AsyncDisposable {
  /** A shell script that starts them and goes on when all of them run. */
  readonly script: string;
  /** Their process ids. Rejects before all of them run. */
  pids(): Promise<number[]>;
}

/** One process for each way to escape. Any user may start them. */
export async function escapees(ways: readonly Way[] = WAYS_FOUND): Promise<Escapees> {
  const directory = await temporaryDirectory();
  await chmod(directory.path, 0o777);
  const files = ways.map((way) => `${directory.path}/${way}`);
  const starts = ways.map((way, index) => WAYS[way].replace('FILE', files[index] ?? ''));
  const allRun = files.map((file) => `[ -s ${file} ]`).join(' && ');
  const pids = async () => {
    const written = await Promise.all(files.map((file) => readFile(file, 'utf8')));
    return written.map((text) => {
      if (!/^\d+\n$/.test(text)) throw new Error('an escapee does not run yet');
      return Number(text);
    });
  };
  return {
    script: [...starts, `until ${allRun}; do sleep 0.01; done`].join('\n'),
    pids,
    async [Symbol.asyncDispose]() {
      // None or some were started when the test failed early.
      const started = await pids().catch(() => []);
      for (const pid of started) kill(pid);
      await directory[Symbol.asyncDispose]();
    },
  };
}
