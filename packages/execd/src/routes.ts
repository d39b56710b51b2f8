import type { Route } from '@pod-agent/daemon-kit/http/route';
import { actingAs } from './as-user/acting-routes.ts';
import type { UserWorkers } from './as-user/user-workers.ts';
import { capabilityRoutes } from './capabilities/routes.ts';
import type { CapabilitySource } from './capabilities/routes.ts';
import { commandRoutes } from './commands/routes.ts';
import type { CommandServices } from './commands/routes.ts';
import { fileRoutes } from './file-routes.ts';
import type { FileServices } from './file-routes.ts';
import { healthRoutes } from './health/routes.ts';

export interface ExecdServices {
  readonly commands: CommandServices;
  readonly files: FileServices;
  readonly capabilities: CapabilitySource;
  /** Who answers file requests of other users. */
  readonly workers: UserWorkers;
}

/** Every endpoint of execd. The services are not touched before a request comes. */
export function execdRoutes({ capabilities, commands, files, workers }: ExecdServices): Route[] {
  return [
    ...healthRoutes(),
    ...capabilityRoutes(capabilities),
    ...commandRoutes(commands),
    ...actingAs(workers, fileRoutes(files)),
  ];
}
