import { randomBytes } from 'node:crypto';
import { TOKEN_BYTES } from '@pod-agent/shim/frames';
import { startShim } from '@pod-agent/shim/start-shim';
import { ChildProcessLauncher } from '../../packages/execd/src/os/child-process-launcher.ts';
import type { Launcher } from '../launcher.ts';

const HELLO_TIMEOUT_MS = 5_000;

/** Starts one program again and again, in this process; disposing ends what it needs for that. */
export interface ProcessStarter extends AsyncDisposable {
  /**
   * Starts the program, stdin from /dev/null and its output dropped. Resolves when it has ended and its output is
   * read; rejects unless it exits with 0.
   */
  run(): Promise<void>;
}

/** A starter for the launcher; `argv` begins with an absolute path, and `shimProgram` is the path of the shim. */
export async function processStarter(
  launcher: Launcher,
  argv: readonly string[],
  shimProgram: string,
): Promise<ProcessStarter> {
  const [file] = argv;
  if (file === undefined) throw new Error('no program to start');
  const spec = {
    file,
    argv,
    environment: inheritedEnvironment(),
    stdin: 'null',
    mergeOutput: false,
  } as const;
  return launcher === 'shim' ? await shimStarter(spec, shimProgram) : childProcessStarter(spec);
}

interface ProgramSpec {
  readonly file: string;
  readonly argv: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly stdin: 'null';
  readonly mergeOutput: false;
}

async function shimStarter(spec: ProgramSpec, program: string): Promise<ProcessStarter> {
  const shim = await startShim({
    program,
    token: randomBytes(TOKEN_BYTES),
    environment: spec.environment,
    helloTimeoutMs: HELLO_TIMEOUT_MS,
    onComplaint: (text) => console.error(text),
  });
  return {
    run: async () => {
      const child = shim.spawn(spec, dropOutput);
      await child.started;
      const { how, value } = await child.exited;
      child.release();
      expectSuccess(spec, how === 'code' && value === 0);
    },
    [Symbol.asyncDispose]: () => shim[Symbol.asyncDispose](),
  };
}

function childProcessStarter(spec: ProgramSpec): ProcessStarter {
  const launcher = new ChildProcessLauncher();
  return {
    run: async () => {
      const child = await launcher.launch({ ...spec, cwd: undefined, identity: undefined }, dropOutput);
      const exit = await child.exited;
      expectSuccess(spec, exit.code === 0);
    },
    [Symbol.asyncDispose]: () => launcher[Symbol.asyncDispose](),
  };
}

function dropOutput(): undefined {}

function expectSuccess({ argv }: ProgramSpec, isSuccess: boolean): void {
  if (!isSuccess) throw new Error(`${argv.join(' ')} did not exit with 0`);
}

function inheritedEnvironment(): Record<string, string> {
  const defined = Object.entries(process.env).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  );
  return Object.fromEntries(defined);
}
