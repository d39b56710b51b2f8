import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { isAlive, startDevPod } from '../../../test/support/dev-pod.ts';
import type { DevPod } from '../../../test/support/dev-pod.ts';
import { execdAbove } from '../../../test/support/execd-above.ts';
import { temporaryDirectory } from './support/temporary-directory.ts';

const close = { headers: { connection: 'close' } };

describe('a signal', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)(
    '%s leaves no process and no directory; exit code 0',
    async (signal) => {
      using scratch = temporaryDirectory();
      await using pod = await startDevPod({ environment: scratch.environment });
      const sandbox = await createSandbox(pod, {});
      const pids = [...(await leaveSleeping(pod.execdUrl)), ...(await leaveSleeping(sandbox.execdUrl))];
      expect(pids.map(isAlive)).toEqual([true, true, true, true]);
      expect(readdirSync(scratch.path)).toHaveLength(1);
      pod.signal(signal);
      const { exit, stderr } = await pod.ended;
      expect({ exit, stderr }).toEqual({ exit: 0, stderr: '' });
      await expect.poll(() => pids.filter(isAlive)).toEqual([]);
      expect(readdirSync(scratch.path)).toEqual([]);
    },
  );

  test('a second one ends it at once, and still nothing stays', async () => {
    using scratch = temporaryDirectory();
    await using pod = await startDevPod({ environment: scratch.environment });
    const pids = await leaveSleeping(pod.execdUrl);
    // A stopped execd cannot end: the first signal waits for it.
    process.kill(Number(pids[0]), 'SIGSTOP');
    pod.signal('SIGTERM');
    await expect.poll(() => answers(`http://${pod.domain}/health`)).toBe(false);
    pod.signal('SIGTERM');
    expect((await pod.ended).exit).toBe(143);
    await expect.poll(() => pids.filter(isAlive)).toEqual([]);
    expect(readdirSync(scratch.path)).toEqual([]);
  });
});

describe('a sandbox', () => {
  test('is ended when its timeout is over', async () => {
    using scratch = temporaryDirectory();
    await using pod = await startDevPod({ environment: scratch.environment });
    const sandbox = await createSandbox(pod, { timeout: 1 });
    const [execd] = await leaveSleeping(sandbox.execdUrl);
    const directory = join(scratch.path, String(readdirSync(scratch.path)[0]));
    expect(readdirSync(directory)).toContain(sandbox.id);
    await expect.poll(() => statusOf(pod, sandbox.id), { timeout: 10_000 }).toBe(404);
    expect(isAlive(Number(execd))).toBe(false);
    expect(readdirSync(directory)).not.toContain(sandbox.id);
  });

  test('renewed in time, it outlives its first timeout', async () => {
    await using pod = await startDevPod();
    const renewed = await createSandbox(pod, { timeout: 2 });
    const expiresAt = new Date(Date.now() + 60_000).toISOString();
    const answer = await post(`http://${pod.domain}/v1/sandboxes/${renewed.id}/renew-expiration`, {
      expiresAt,
    });
    expect(await answer.json()).toEqual({ expiresAt });
    // Its time is over later than the first one of the other.
    const expiring = await createSandbox(pod, { timeout: 2 });
    await expect.poll(() => statusOf(pod, expiring.id), { timeout: 10_000 }).toBe(404);
    expect(await statusOf(pod, renewed.id)).toBe(200);
  });

  test('is killed when it does not end by itself', async () => {
    await using pod = await startDevPod();
    const sandbox = await createSandbox(pod, {});
    const [execd] = await leaveSleeping(sandbox.execdUrl);
    process.kill(Number(execd), 'SIGSTOP');
    const answer = await fetch(`http://${pod.domain}/v1/sandboxes/${sandbox.id}`, {
      method: 'DELETE',
      ...close,
    });
    expect(answer.status).toBe(204);
    expect(isAlive(Number(execd))).toBe(false);
  });

  test('whose env keeps execd from starting is an error with the reason, and leaves nothing', async () => {
    using scratch = temporaryDirectory();
    await using pod = await startDevPod({ environment: scratch.environment });
    const env = { EXECD_OUTPUT_RETENTION: 'forever' };
    const answer = await post(`http://${pod.domain}/v1/sandboxes`, { image: { uri: 'any' }, env });
    expect(answer.status).toBe(500);
    expect(await answer.json()).toMatchObject({
      code: 'RUNTIME_ERROR',
      message: expect.stringContaining('EXECD_OUTPUT_RETENTION') as string,
    });
    expect(readdirSync(join(scratch.path, String(readdirSync(scratch.path)[0]))).sort()).toEqual([
      'dev-pod.log',
      'execd',
    ]);
  });
});

test('when the first execd dies, dev-pod says so and ends with exit code 1', async () => {
  using scratch = temporaryDirectory();
  await using pod = await startDevPod({ environment: scratch.environment });
  const sandbox = await createSandbox(pod, {});
  const [first] = await leaveSleeping(pod.execdUrl);
  const [other] = await leaveSleeping(sandbox.execdUrl);
  process.kill(Number(first), 'SIGKILL');
  const { exit, stderr } = await pod.ended;
  expect({ exit, stderr }).toEqual({ exit: 1, stderr: 'dev-pod: execd ended by itself: signal SIGKILL\n' });
  expect(isAlive(Number(other))).toBe(false);
  expect(readdirSync(scratch.path)).toEqual([]);
});

/** Leaves a process behind on this execd; gives execd's pid and that of the process. */
async function leaveSleeping(execdUrl: string): Promise<number[]> {
  const answer = await post(`${execdUrl}/command`, { command: 'sleep 300 & echo $PPID; echo $!' });
  const pids = [...(await answer.text()).matchAll(/"type":"stdout","text":"(\d+)"/g)].map(([, pid]) =>
    Number(pid),
  );
  const [parent = 0, sleeper = 0] = pids;
  return [execdAbove(parent), sleeper];
}

async function createSandbox(pod: DevPod, fields: object): Promise<{ id: string; execdUrl: string }> {
  const created = await post(`http://${pod.domain}/v1/sandboxes`, { image: { uri: 'any' }, ...fields });
  // What the answer must have; a missing id fails the next request.
  const { id } = (await created.json()) as { id: string };
  const found = await fetch(`http://${pod.domain}/v1/sandboxes/${id}/endpoints/44772`, close);
  const { endpoint } = (await found.json()) as { endpoint: string };
  return { id, execdUrl: `http://${endpoint}` };
}

function post(url: string, body: object): Promise<Response> {
  return fetch(url, { method: 'POST', body: JSON.stringify(body), ...close });
}

async function statusOf(pod: DevPod, id: string): Promise<number> {
  const answer = await fetch(`http://${pod.domain}/v1/sandboxes/${id}`, close);
  await answer.arrayBuffer();
  return answer.status;
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(url, close)).ok;
  } catch {
    // Nobody listens any more.
    return false;
  }
}
