import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import type { Readable } from 'node:stream';
import { existsSync } from 'node:fs';
import { errorCode } from './errno.ts';
import { launchFailure } from './launch-failure.ts';
import { LaunchError } from './process-launcher.ts';
import type {
  LaunchSpec,
  LaunchedProcess,
  OutputSink,
  ProcessExit,
  ProcessLauncher,
  SignalScope,
} from './process-launcher.ts';
import { EXECUTION_COOKIE, hasProcessGroup, sendSignal, signalTree } from './process-tree.ts';

/**
 * Starts processes with Node's child_process. Its limits: the event loop stands still while the process is forked, the
 * streams are Unix sockets (so `/dev/stdout` cannot be opened by name), and a target user's supplementary groups are
 * dropped.
 */
export class ChildProcessLauncher implements ProcessLauncher {
  readonly features = [] as const;
  /** Output streams that descendants still hold after their leader's end. */
  readonly #orphaned = new Set<Readable>();

  async launch(spec: LaunchSpec, sink: OutputSink): Promise<LaunchedProcess> {
    const child = spawnChild(spec);
    const { pid } = child;
    if (pid === undefined) throw await startFailure(child, spec);
    const exited = this.#followOutput(child, spec.mergeOutput, sink);
    if (spec.killAtEnd === 'group') child.once('exit', () => sendSignal(-pid, 'SIGKILL'));
    return {
      pid,
      exited,
      signal: async (signal, scope) => signalChild(child, pid, spec, signal, scope),
      hasGroup: () => hasProcessGroup(pid),
      writeStdin: (bytes) => writeStdin(child, bytes),
      closeStdin: () => void child.stdin?.end(),
      release: () => undefined,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const stream of this.#orphaned) stream.destroy();
  }

  #followOutput(child: ChildProcess, merge: boolean, sink: OutputSink): Promise<ProcessExit> {
    const streams: Readable[] = [];
    let chunks = 0;
    const follow = (name: 'stdout' | 'stderr', stream: Readable | null) => {
      if (!stream) return;
      streams.push(stream);
      stream.on('error', () => stream.destroy());
      stream.on('data', (chunk: Buffer) => {
        chunks += 1;
        void pauseWhile(sink(name, chunk), stream);
      });
    };
    follow('stdout', child.stdout);
    follow(merge ? 'stdout' : 'stderr', child.stderr);
    return new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        const exit: ProcessExit = signal === null ? { code: code ?? 0 } : { signal };
        void drain(streams, () => chunks).then(() => {
          this.#letGo(streams);
          child.stdin?.destroy();
          resolve(exit);
        });
      });
    });
  }

  /** Descendants may write on: their output is read and dropped until they close it. */
  #letGo(streams: readonly Readable[]): void {
    for (const stream of streams) {
      stream.removeAllListeners('data');
      if (stream.readableEnded || stream.destroyed) continue;
      this.#orphaned.add(stream);
      stream.once('close', () => this.#orphaned.delete(stream));
      stream.resume();
    }
  }
}

function spawnChild(spec: LaunchSpec): ChildProcess {
  const { file, argv, stderr } = mergedCommand(spec);
  try {
    return spawn(file, argv.slice(1), {
      argv0: argv[0] ?? file,
      env: { ...spec.baseEnvironment, ...spec.environment },
      ...(spec.cwd === undefined ? {} : { cwd: spec.cwd }),
      ...(spec.identity ?? {}),
      // A session of its own, and with it a process group whose id is the pid.
      detached: true,
      stdio: [spec.stdin === 'pipe' ? 'pipe' : 'ignore', 'pipe', stderr],
    });
  } catch (error) {
    // Strings with NUL are refused by Node before the system sees them.
    const code = errorCode(error)?.startsWith('ERR_INVALID_ARG') ? 'EINVAL' : (errorCode(error) ?? 'EINVAL');
    throw launchFailure(spec, code);
  }
}

const MERGING_SHELL = '/bin/sh';

/**
 * child_process cannot give one pipe to two descriptors, so a shell joins them and then becomes the program. In an
 * image without a shell the two streams are merged as their bytes arrive.
 */
function mergedCommand({ file, argv, mergeOutput }: LaunchSpec): {
  file: string;
  argv: readonly string[];
  stderr: 'pipe' | 'ignore';
} {
  if (!mergeOutput || !existsSync(MERGING_SHELL)) return { file, argv, stderr: 'pipe' };
  return {
    file: MERGING_SHELL,
    argv: ['sh', '-c', 'exec "$@" 2>&1', 'sh', file, ...argv.slice(1)],
    stderr: 'ignore',
  };
}

function signalChild(
  child: ChildProcess,
  pid: number,
  spec: LaunchSpec,
  signal: NodeJS.Signals,
  scope: SignalScope,
): boolean {
  switch (scope) {
    case 'leader':
      // Once reaped, its pid may belong to somebody else.
      return child.exitCode === null && child.signalCode === null && sendSignal(pid, signal);
    case 'group':
      return sendSignal(-pid, signal);
    case 'tree':
      return signalTree(pid, spec.environment[EXECUTION_COOKIE], signal);
  }
}

function startFailure(child: ChildProcess, spec: LaunchSpec): Promise<LaunchError> {
  return new Promise((resolve) => {
    child.once('error', (error) => {
      const code = errorCode(error) ?? '';
      resolve(launchFailure(spec, code));
    });
  });
}

async function pauseWhile(pressure: Promise<void> | undefined, stream: Readable): Promise<void> {
  if (!pressure) return;
  stream.pause();
  await pressure;
  stream.resume();
}

/**
 * Reads what was readable at the leader's end: until both streams ended, or one whole turn of the event loop brought
 * nothing. Not Node's `close` event: it would wait for every descendant that holds the pipe.
 */
async function drain(streams: readonly Readable[], chunkCount: () => number): Promise<void> {
  let seen = -1;
  while (seen !== chunkCount() && streams.some((stream) => !stream.readableEnded && !stream.destroyed)) {
    seen = chunkCount();
    for (const stream of streams) stream.resume();
    await nextTurn();
    await nextTurn();
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

function writeStdin(child: ChildProcess, bytes: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    const { stdin } = child;
    if (!stdin || !stdin.writable) {
      reject(new LaunchError('stdin is closed', 'EPIPE'));
      return;
    }
    stdin.write(bytes, (error) => (error ? reject(error) : resolve()));
  });
}
