import type { Route } from '@pod-agent/daemon-kit/http/route';
import { actingAs } from './as-user/acting-routes.ts';
import type { UserWorkers } from './as-user/user-workers.ts';
import { commandRoutes } from './commands/routes.ts';
import type { CommandServices } from './commands/routes.ts';
import { fileRoutes } from './file-routes.ts';
import type { FileServices } from './file-routes.ts';
import { healthRoutes } from './health/routes.ts';

export interface ExecdServices {
  readonly commands: CommandServices;
  readonly files: FileServices;
  /** Who answers file requests of other users. */
  readonly workers: UserWorkers;
}

/** Every endpoint of execd. The services are not touched before a request comes. */
export function execdRoutes({ commands, files, workers }: ExecdServices): Route[] {
  return [...healthRoutes(), ...commandRoutes(commands), ...actingAs(workers, fileRoutes(files))];
}
