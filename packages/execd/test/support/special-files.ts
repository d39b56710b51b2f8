import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { createServer } from 'node:net';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Makes a named pipe that nobody has open. Disposing it frees whoever is stuck in opening it. */
export async function namedPipe(path: string): Promise<AsyncDisposable> {
  await run('mkfifo', [path]);
  return {
    async [Symbol.asyncDispose]() {
      await (await open(path, constants.O_RDWR | constants.O_NONBLOCK)).close();
    },
  };
}

/** Makes a Unix socket that somebody listens on. */
export async function unixSocket(path: string): Promise<AsyncDisposable> {
  const server = createServer((connection) => connection.destroy());
  server.listen(path);
  await once(server, 'listening');
  return {
    async [Symbol.asyncDispose]() {
      server.close();
      await once(server, 'close');
    },
  };
}

/** Makes a device that reads as endless zeros, as /dev/zero does. False where devices may not be made. */
export async function zeroDevice(path: string): Promise<boolean> {
  return run('mknod', [path, 'c', '1', '5']).then(
    () => true,
    () => false,
  );
}
