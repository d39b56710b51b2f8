import { homeOf, userName } from '../os/accounts.ts';
import { withoutSecrets } from '../os/environment.ts';
import type { Environment } from '../os/environment.ts';

/** The daemon's variables without its secrets, and those of a login of that user as far as /etc/passwd knows it. */
export function workerEnvironment(
  own: Readonly<Record<string, string | undefined>>,
  uid: number,
): Environment {
  const home = homeOf(uid);
  const name = userName(uid);
  return {
    ...withoutSecrets(own),
    ...(home === undefined ? {} : { HOME: home, USER: name, LOGNAME: name }),
    // A ring of io_uring keeps the identity that it was made with, whatever the process becomes.
    UV_USE_IO_URING: '0',
  };
}
