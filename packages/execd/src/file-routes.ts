import type { Route } from '@pod-agent/daemon-kit/http/route';
import type { Logger } from '@pod-agent/daemon-kit/log';
import { FilePaths } from './filesystem/file-paths.ts';

/** What the file routes take of the configuration. A file worker gets it as an argument: no secrets. */
export interface FileSettings {
  /** The directory that requests may not leave; none when absent. */
  readonly root?: string;
}

/** What the file routes need. Disposing it ends the answers that would go on for ever. */
export interface FileServices extends AsyncDisposable {
  readonly paths: FilePaths;
}

/** Built once in execd, and once in each process that serves as another user: there it is still execd's own. */
export function createFileServices(
  settings: FileSettings,
  environment: Readonly<Record<string, string | undefined>>,
  _log: Logger,
): FileServices {
  return {
    paths: new FilePaths(environment, settings.root),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** Everything under /files and /directories: what can be served as another user. */
export function fileRoutes(_services: FileServices): Route[] {
  return [];
}
