import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** How a command ended and everything that it wrote. */
export interface CommandResult {
  /** The exit code, or the signal. */
  readonly exit: number | NodeJS.Signals;
  readonly stdout: string;
  readonly stderr: string;
}

/** What a command may be given. */
export interface CommandOptions {
  /** For stdin; nothing when undefined. */
  readonly input?: Buffer | undefined;
  readonly environment?: NodeJS.ProcessEnv | undefined;
}

/** Runs a command to its end, whatever that is. Rejects when it cannot be started. */
export async function runCommand(
  [file = '', ...args]: readonly string[],
  { input, environment }: CommandOptions = {},
): Promise<CommandResult> {
  const child = spawn(file, args, { env: environment ?? process.env, stdio: 'pipe' });
  const written = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (written.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (written.stderr += text));
  // Who does not read it ends with EPIPE here.
  child.stdin.on('error', () => undefined).end(input);
  // `close` comes with the exit code or, when there is none, the signal.
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals];
  return { exit: code ?? signal, ...written };
}

/** The same for a command that has to succeed: rejects with what it said otherwise. Resolves with its output. */
export async function runToSuccess(
  command: readonly string[],
  options: CommandOptions = {},
): Promise<string> {
  const { exit, stdout, stderr } = await runCommand(command, options);
  if (exit !== 0) throw new Error(`${command.join(' ')} ended with ${exit}: ${stderr}${stdout}`);
  return stdout;
}
