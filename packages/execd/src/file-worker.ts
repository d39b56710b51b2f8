import { serveAsUser } from './as-user/worker-server.ts';
import { createFileServices, fileRoutes } from './file-routes.ts';
import type { FileSettings } from './file-routes.ts';

/** What `execd --file-worker …` runs: the file routes, as the user of its order; the settings follow as JSON. */
export function runFileWorker(args: readonly string[]): Promise<void> {
  return serveAsUser(args, ([settings = '']) => {
    const services = createFileServices(JSON.parse(settings) as FileSettings, process.env);
    return {
      routes: fileRoutes(services),
      [Symbol.asyncDispose]: () => services[Symbol.asyncDispose](),
    };
  });
}
