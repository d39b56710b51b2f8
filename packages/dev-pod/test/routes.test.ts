import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startDevPod } from '../../../test/support/dev-pod.ts';
import type { DevPod } from '../../../test/support/dev-pod.ts';

const close = { headers: { connection: 'close' } };

let pod: DevPod;

beforeAll(async () => {
  pod = await startDevPod();
});

afterAll(() => pod[Symbol.asyncDispose]());

describe('the lifecycle endpoint', () => {
  test.each([
    { method: 'GET', path: '/v1/nothing', status: 404, code: 'NOT_FOUND' },
    { method: 'HEAD', path: '/v1/sandboxes', status: 404, code: undefined },
    { method: 'GET', path: '/v1/sandboxes/%zz', status: 400, code: 'INVALID_REQUEST' },
    { method: 'GET', path: '/v1/sandboxes/x', status: 404, code: 'SANDBOX_NOT_FOUND' },
    { method: 'DELETE', path: '/v1/sandboxes/x', status: 404, code: 'SANDBOX_NOT_FOUND' },
    { method: 'GET', path: '/v1/sandboxes/x/endpoints/44772', status: 404, code: 'SANDBOX_NOT_FOUND' },
    { method: 'GET', path: '/v1/sandboxes/x/endpoints/0', status: 400, code: 'INVALID_REQUEST_BODY' },
    { method: 'GET', path: '/v1/sandboxes?page=0', status: 400, code: 'INVALID_REQUEST_BODY' },
    { method: 'POST', path: '/v1/sandboxes/x/pause', status: 501, code: 'NOT_SUPPORTED' },
    { method: 'POST', path: '/v1/sandboxes/x/snapshots', status: 501, code: 'NOT_SUPPORTED' },
  ])('$method $path: $status $code', async ({ method, path, status, code }) => {
    const answer = await fetch(`http://${pod.domain}${path}`, { method, ...close });
    const text = await answer.text();
    expect(answer.status).toBe(status);
    if (code !== undefined)
      expect(JSON.parse(text)).toMatchObject({ code, message: expect.any(String) as string });
  });

  test.each([
    { name: 'no JSON', body: 'nonsense' },
    { name: 'a timeout of no length', body: '{"timeout": 0}' },
    { name: 'env that is no text', body: '{"env": {"A": 1}}' },
  ])('a create request with $name is refused', async ({ body }) => {
    const answer = await fetch(`http://${pod.domain}/v1/sandboxes`, { method: 'POST', body, ...close });
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ code: 'INVALID_REQUEST_BODY' });
  });
});
