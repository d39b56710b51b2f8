import type { Route } from '@pod-agent/daemon-kit/http/route';
import { archiveRoutes } from './archive/routes.ts';
import { directoryRoutes } from './directories/routes.ts';
import { fileRoutes as filesRoutes } from './files/routes.ts';
import { FilePaths } from './filesystem/file-paths.ts';
import { Staging } from './filesystem/staging.ts';
import { PrivateDirectory } from './os/private-directory.ts';
import { searchRoutes } from './search/routes.ts';
import { watchRoutes } from './watch/routes.ts';
import { TreeWatches } from './watch/tree-watches.ts';

/** What the file routes take of the configuration. A file worker gets it as an argument: no secrets. */
export interface FileSettings {
  /** The directory that requests may not leave; none when absent. */
  readonly root?: string;
  /** Where a private directory may stand, best first. */
  readonly directories: readonly string[];
  readonly watchedEntries: number;
  readonly watchedDirectories: number;
}

/** What the file routes need. Disposing it ends the answers that would go on for ever. */
export interface FileServices extends AsyncDisposable {
  readonly paths: FilePaths;
  readonly staging: Staging;
  readonly trees: TreeWatches;
}

/**
 * Built once in execd, and once in each process that serves as another user, which is still execd's own then. Throws the
 * system's error when the root is missing.
 */
export function createFileServices(
  settings: FileSettings,
  environment: Readonly<Record<string, string | undefined>>,
): FileServices {
  const directory = new PrivateDirectory(settings.directories);
  const staging = new Staging(directory, settings.directories);
  const trees = new TreeWatches({
    entries: settings.watchedEntries,
    directories: settings.watchedDirectories,
  });
  return {
    paths: new FilePaths(environment, settings.root),
    staging,
    trees,
    async [Symbol.asyncDispose]() {
      await trees[Symbol.asyncDispose]();
      await staging[Symbol.asyncDispose]();
      await directory[Symbol.asyncDispose]();
    },
  };
}

/** Everything under /files and /directories: what can be served as another user. */
export function fileRoutes(services: FileServices): Route[] {
  return [
    ...filesRoutes(services),
    ...directoryRoutes(services),
    ...archiveRoutes(services),
    ...searchRoutes(services),
    ...watchRoutes(services),
  ];
}
