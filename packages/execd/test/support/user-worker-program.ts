// A program with the probe routes: as a file worker, or with --serve as a daemon whose workers it is itself.
import { listen } from '@pod-agent/daemon-kit/http/listen';
import { silentLogger } from '@pod-agent/daemon-kit/log';
import { actingAs } from '../../src/as-user/acting-routes.ts';
import { UserWorkers } from '../../src/as-user/user-workers.ts';
import { FILE_WORKER_ARGUMENT } from '../../src/as-user/worker-command.ts';
import { serveAsUser } from '../../src/as-user/worker-server.ts';
import { frontDoor } from '../../src/http/front-door.ts';
import { ownProgram } from '../../src/os/own-program.ts';
import { becomeUser } from '../../src/os/user-identity.ts';
import { probeRoutes } from './probe-routes.ts';

const [mode, ...args] = process.argv.slice(2);
if (mode === FILE_WORKER_ARGUMENT) {
  await serveAsUser(args, () => ({
    routes: probeRoutes(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }));
} else {
  await serve(args.map(Number));
}

/** Prints its port; with a uid it is that user and nobody else. */
async function serve([uid]: readonly number[]): Promise<void> {
  if (uid !== undefined) becomeUser({ uid, gid: uid, groups: [] });
  const workers = new UserWorkers({
    program: [...ownProgram(), FILE_WORKER_ARGUMENT],
    environment: process.env,
    directories: ['/tmp'],
    log: silentLogger,
  });
  const routes = actingAs(workers, probeRoutes());
  const listener = await listen(
    { host: '127.0.0.1', port: 0, graceMs: 0 },
    frontDoor({ routes, checkAccess: () => undefined, log: silentLogger }),
  );
  process.stdout.write(`${listener.port}\n`);
}
