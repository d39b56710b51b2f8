import type { Route } from '@pod-agent/daemon-kit/http/route';
import { commandRoutes } from './commands/routes.ts';
import type { CommandServices } from './commands/routes.ts';
import { healthRoutes } from './health/routes.ts';
import { searchRoutes } from './search/routes.ts';
import type { SearchServices } from './search/routes.ts';

/** Every endpoint of execd. */
export function execdRoutes(services: CommandServices & SearchServices): Route[] {
  return [...healthRoutes(), ...commandRoutes(services), ...searchRoutes(services)];
}
