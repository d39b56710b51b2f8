import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/**
 * In front of a program and its arguments: it runs in a mount namespace of its own, behind these shell commands.
 * Undefined where the machine refuses them.
 */
export async function mountNamespace(setup: string): Promise<readonly string[] | undefined> {
  const wrapper = ['unshare', '--mount', '/bin/sh', '-e', '-c', `${setup}\nexec "$@"`, 'sh'];
  const [file = '', ...args] = wrapper;
  try {
    await run(file, [...args, 'true']);
    return wrapper;
  } catch {
    // Without the capability, as in most containers.
    return undefined;
  }
}
