import { empty } from '@pod-agent/daemon-kit/http/reply';
import { route } from '@pod-agent/daemon-kit/http/route';
import type { Route } from '@pod-agent/daemon-kit/http/route';

/** GET /ping: the server answers (contract §11). */
export function healthRoutes(): Route[] {
  return [
    route({
      method: 'GET',
      path: '/ping',
      tag: 'Health',
      summary: 'Answers when the server does; needs no token',
      hot: true,
      responses: { 200: { description: 'Up' } },
      handle: () => empty,
    }),
  ];
}
