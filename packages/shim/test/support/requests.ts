import type { SpawnRequest } from '../../src/frames.ts';

/** What a test changes of a request. */
export type RequestChange = Partial<Omit<SpawnRequest, 'file' | 'argv'>>;

/** What the daemons put into the environment of an execution, so that its processes can be told from others. */
const COOKIE = 'OPENSANDBOX_EXEC_ID';

/** Asks for a program by its path, with its arguments. */
export function program(argv: readonly [string, ...string[]], change: RequestChange = {}): SpawnRequest {
  return {
    file: argv[0],
    argv,
    environment: { PATH: '/usr/local/bin:/usr/bin:/bin' },
    stdin: 'null',
    mergeOutput: false,
    ...change,
  };
}

/** Asks for a shell script, with what is `$0`, `$1` … in it. */
export function script(text: string, change: RequestChange = {}, ...parameters: string[]): SpawnRequest {
  return program(['/bin/sh', '-c', text, ...parameters], change);
}

/** The environment of an execution with an id of its own, and how its processes are recognised. */
export function execution(): { readonly environment: Record<string, string>; readonly entry: string } {
  const id = crypto.randomUUID();
  return {
    environment: { PATH: '/usr/local/bin:/usr/bin:/bin', [COOKIE]: id },
    entry: `${COOKIE}=${id}`,
  };
}
