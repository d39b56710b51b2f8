import { randomBytes } from 'node:crypto';
import { TOKEN_BYTES } from '@pod-agent/shim/frames';
import type { ShimConnection } from '@pod-agent/shim/shim-connection';
import { startShim } from '@pod-agent/shim/start-shim';
import { ChildProcessLauncher } from '../../packages/execd/src/os/child-process-launcher.ts';
import { MemoryKills } from '../../packages/execd/src/os/memory-kills.ts';
import { childOomScoreAdjustment } from '../../packages/execd/src/os/oom-score.ts';
import type { LaunchSpec, ProcessLauncher } from '../../packages/execd/src/os/process-launcher.ts';
import { ShimLauncher } from '../../packages/execd/src/os/shim-launcher.ts';
import type { Launcher } from '../launcher.ts';

const HELLO_TIMEOUT_MS = 5_000;

/** Starts one program again and again with one of the daemon's launchers; disposing ends what it needs for that. */
export class ProcessStarter implements AsyncDisposable {
  readonly #launcher: ProcessLauncher;
  readonly #spec: LaunchSpec;

  private constructor(launcher: ProcessLauncher, spec: LaunchSpec) {
    this.#launcher = launcher;
    this.#spec = spec;
  }

  /** `argv` begins with an absolute path, and `shimProgram` is the path of the shim. */
  static async open(
    launcher: Launcher,
    argv: readonly string[],
    shimProgram: string,
  ): Promise<ProcessStarter> {
    const [file] = argv;
    if (file === undefined) throw new Error('no program to start');
    const opened = launcher === 'shim' ? await openShim(shimProgram) : new ChildProcessLauncher();
    return new ProcessStarter(opened, {
      file,
      argv,
      environment: inheritedEnvironment(),
      cwd: undefined,
      identity: undefined,
      stdin: 'null',
      mergeOutput: false,
    });
  }

  /** Resolves when the program has ended and its output is read and dropped; rejects unless it exits with 0. */
  async run(): Promise<void> {
    const launched = await this.#launcher.launch(this.#spec, () => undefined);
    const { code } = await launched.exited;
    launched.release();
    if (code !== 0) throw new Error(`${this.#spec.argv.join(' ')} did not exit with 0`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#launcher[Symbol.asyncDispose]();
  }
}

async function openShim(program: string): Promise<ShimLauncher> {
  const connect = (): Promise<ShimConnection> =>
    startShim({
      program,
      token: randomBytes(TOKEN_BYTES),
      environment: {},
      helloTimeoutMs: HELLO_TIMEOUT_MS,
      onComplaint: (text) => console.error(text),
    });
  return new ShimLauncher(await connect(), {
    connect,
    onLost: (reason) => console.error(reason),
    memoryKills: new MemoryKills(),
    oomScoreAdjustment: childOomScoreAdjustment(),
  });
}

function inheritedEnvironment(): Record<string, string> {
  const defined = Object.entries(process.env).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  );
  return Object.fromEntries(defined);
}
