import { json } from '@pod-agent/daemon-kit/http/reply';
import { route } from '@pod-agent/daemon-kit/http/route';
import type { Route } from '@pod-agent/daemon-kit/http/route';
import { capabilities } from './schema.ts';
import type { Capabilities } from './schema.ts';

/** What this execd can do here: asked at each request, since it may change. */
export type CapabilitySource = () => Capabilities;

/** GET /capabilities. */
export function capabilityRoutes(current: CapabilitySource): Route[] {
  return [
    route({
      method: 'GET',
      path: '/capabilities',
      tag: 'Capabilities',
      summary: 'What this execd can do where it runs',
      responses: { 200: { description: 'Which mechanisms are in force, and why', schema: capabilities } },
      handle: () => json(current()),
    }),
  ];
}
