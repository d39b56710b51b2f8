import type { UserIdentity } from '../os/user-identity.ts';

/** The hidden first argument that makes execd a file worker. */
export const FILE_WORKER_ARGUMENT = '--file-worker';

/** What a worker is told on its command line. */
export interface WorkerOrder {
  /** The Unix socket to listen on. */
  readonly socketPath: string;
  readonly identity: UserIdentity;
}

/** The order as arguments: `<socket> <uid> <gid> <group>,<group>…`. */
export function orderArguments({ socketPath, identity }: WorkerOrder): string[] {
  return [socketPath, String(identity.uid), String(identity.gid), identity.groups.join(',')];
}

/** The order of those arguments, and the arguments behind them. Throws when they are none. */
export function readOrder(args: readonly string[]): { order: WorkerOrder; rest: string[] } {
  const [socketPath = '', uid = '', gid = '', groups, ...rest] = args;
  const numbers = [uid, gid, ...(groups ?? '').split(',').filter(Boolean)];
  if (!socketPath.startsWith('/') || groups === undefined || !numbers.every((text) => /^\d+$/.test(text)))
    throw new Error('a file worker needs a socket, a uid, a gid and groups');
  const [uidNumber = 0, gidNumber = 0, ...groupNumbers] = numbers.map(Number);
  return { order: { socketPath, identity: { uid: uidNumber, gid: gidNumber, groups: groupNumbers } }, rest };
}

/** The first line of a worker that serves. */
export const READY = 'ready';
/** How the first line of a worker begins that could not become its user; the reason follows. */
export const REFUSED = 'refused: ';
