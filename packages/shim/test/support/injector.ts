import { compiledShim } from './compiled-shim.ts';
import { runCommand } from './command.ts';
import type { CommandResult } from './command.ts';
import type { Pod } from './pod.ts';

/** What `shim inject` says when it worked. */
export interface Injected {
  readonly pid: number;
  readonly startTime: number;
  readonly donorPid: number;
  readonly targetStoppedMicroseconds: number;
  readonly method: 'fork' | 'clone_vm';
  readonly listen: string | null;
}

/** What it says when it did not. */
export interface NotInjected {
  readonly step: string;
  readonly errno: number;
  readonly message: string;
}

/** What it is asked for. */
export interface InjectRequest {
  readonly target: number;
  readonly donor?: 'auto' | 'self';
  readonly method?: 'auto' | 'fork' | 'clone_vm';
  /** In place of serve, by its path where the injector is. */
  readonly program?: string;
  readonly listen?: string;
  readonly token?: Buffer;
  readonly args?: readonly string[];
}

/** Where the shim and its token are in the sidecar of a pod that injects. */
export const SIDECAR_SHIM = '/shim';

/** Injects out of the sidecar, with the sidecar's privileges. Throws when the command line is refused. */
export async function injectInPod(pod: Pod, request: InjectRequest): Promise<Injected | NotInjected> {
  const command = [SIDECAR_SHIM, ...injectArguments(request)];
  return parse(await pod.sidecar.run(command, { input: request.token }));
}

/** Injects on this machine, and stops nobody but the target. Throws when the command line is refused. */
export async function injectHere(
  request: InjectRequest,
  program = compiledShim('release'),
): Promise<Injected | NotInjected> {
  return parse(
    await runCommand([program, ...injectArguments({ ...request, donor: 'self' })], { input: request.token }),
  );
}

/** The same, when it has to work. */
export function expectInjected(result: Injected | NotInjected): Injected {
  if ('step' in result) throw new Error(`not injected: ${result.step}: ${result.message} (${result.errno})`);
  return result;
}

/** The command line, with the token on stdin. */
export function injectArguments(request: InjectRequest): string[] {
  const { target, donor = 'auto', method = 'auto', program, listen, token, args = [] } = request;
  return [
    'inject',
    String(target),
    '--donor',
    donor,
    '--method',
    method,
    ...(program === undefined ? [] : ['--program', program]),
    ...(listen === undefined ? [] : ['--listen', listen]),
    ...(token === undefined ? [] : ['--token-fd', '0']),
    '--',
    ...args,
  ];
}

function parse({ exit, stdout, stderr }: CommandResult): Injected | NotInjected {
  if (exit !== 0 && exit !== 1) throw new Error(`shim inject ended with ${exit}: ${stderr}`);
  const said = JSON.parse(stdout) as Injected | NotInjected;
  if ((exit === 0) === 'step' in said) throw new Error(`shim inject ended with ${exit} and said ${stdout}`);
  return said;
}
