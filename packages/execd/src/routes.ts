import type { Route } from '@pod-agent/daemon-kit/http/route';
import { archiveRoutes } from './archive/routes.ts';
import type { ArchiveServices } from './archive/routes.ts';
import { commandRoutes } from './commands/routes.ts';
import type { CommandServices } from './commands/routes.ts';
import { directoryRoutes } from './directories/routes.ts';
import { fileRoutes } from './files/routes.ts';
import type { FileServices } from './files/routes.ts';
import { healthRoutes } from './health/routes.ts';

/** Every endpoint of execd. */
export function execdRoutes(services: CommandServices & FileServices & ArchiveServices): Route[] {
  return [
    ...healthRoutes(),
    ...commandRoutes(services),
    ...fileRoutes(services),
    ...directoryRoutes(services),
    ...archiveRoutes(services),
  ];
}
