/**
 * A daemon in a sidecar: node sidecar-daemon.ts ADDRESS farewell|abandon COMMAND..., with the token on stdin. Connects to
 * the resident, has it run each command, given as JSON array, prints what became of them as JSON, and leaves the resident
 * for good or for the next daemon.
 */
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { once } from 'node:events';
import { ShimConnection } from '../../src/shim-connection.ts';

const HELLO_TIMEOUT_MS = 5_000;

/** What became of a command. */
interface RemoteEnding {
  readonly pid: number;
  readonly how: 'code' | 'signal';
  readonly value: number;
  readonly output: string;
}

/** What the daemon prints. */
export interface RemoteReport {
  readonly shimPid: number;
  readonly endings: readonly RemoteEnding[];
}

async function run(
  connection: ShimConnection,
  [file = '', ...args]: readonly string[],
): Promise<RemoteEnding> {
  const chunks: Buffer[] = [];
  const request = {
    file,
    argv: [file, ...args],
    environment: { PATH: '/bin' },
    stdin: 'null',
    mergeOutput: true,
  } as const;
  const child = connection.spawn(request, (_, bytes) => void chunks.push(Buffer.from(bytes)));
  const pid = await child.started;
  const { how, value } = await child.exited;
  return { pid, how, value, output: Buffer.concat(chunks).toString() };
}

const [address = '', ending = '', ...commands] = process.argv.slice(2);
const socket = connect({ path: address.replace(/^@/, '\0') });
await once(socket, 'connect');
const connection = await ShimConnection.open(
  socket,
  readFileSync(0),
  () => () => undefined,
  HELLO_TIMEOUT_MS,
);
const endings = await Promise.all(
  commands.map((command) => run(connection, JSON.parse(command) as string[])),
);
process.stdout.write(JSON.stringify({ shimPid: connection.shimPid, endings } satisfies RemoteReport));
await (ending === 'abandon' ? connection.abandon() : connection[Symbol.asyncDispose]());
