import { existsSync } from 'node:fs';
import { Sandbox } from '@alibaba-group/opensandbox';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { execdAbove } from '../support/execd-above.ts';
import { isAlive, startDevPod } from '../support/dev-pod.ts';
import type { DevPod } from '../support/dev-pod.ts';
import { connectSandbox, createSandbox, sandboxManager, texts } from '../support/sdk-sandbox.ts';

let pod: DevPod;

beforeAll(async () => {
  pod = await startDevPod();
});

afterAll(() => pod[Symbol.asyncDispose]());

describe('Sandbox.create', () => {
  test('getInfo tells what create was told', async () => {
    await using box = await createSandbox(pod, {
      image: 'python:3.12',
      entrypoint: ['sleep', 'infinity'],
      metadata: { project: 'apollo' },
      timeoutSeconds: 120,
    });
    const info = await box.sandbox.getInfo();
    expect(info).toMatchObject({
      id: box.sandbox.id,
      image: { uri: 'python:3.12' },
      entrypoint: ['sleep', 'infinity'],
      metadata: { project: 'apollo' },
      status: { state: 'Running' },
    });
    expect(Number(info.expiresAt) - Number(info.createdAt)).toBe(120_000);
  });

  test('a null timeout never expires', async () => {
    await using box = await createSandbox(pod, { timeoutSeconds: null });
    expect((await box.sandbox.getInfo()).expiresAt).toBeNull();
  });

  test('env reaches the commands of that sandbox and of no other', async () => {
    await using first = await createSandbox(pod, { env: { GREETING: 'hello from create' } });
    await using second = await createSandbox(pod);
    const command = 'echo "${GREETING:-__EMPTY__}"';
    expect(texts((await first.sandbox.commands.run(command)).logs.stdout)).toEqual(['hello from create']);
    expect(texts((await second.sandbox.commands.run(command)).logs.stdout)).toEqual(['__EMPTY__']);
  });

  test('every sandbox has a working directory of its own, which goes away with it', async () => {
    await using first = await createSandbox(pod);
    const second = await createSandbox(pod);
    const [own] = texts((await first.sandbox.commands.run('touch mine; pwd')).logs.stdout);
    const [other] = texts((await second.sandbox.commands.run('pwd')).logs.stdout);
    expect(other).not.toBe(own);
    expect(existsSync(String(other))).toBe(true);
    await second[Symbol.asyncDispose]();
    expect(existsSync(String(other))).toBe(false);
    expect(existsSync(`${own}/mine`)).toBe(true);
  });

  test('starting from a snapshot is refused', async () => {
    await using managed = sandboxManager(pod);
    await expect(
      Sandbox.create({ snapshotId: 's1', connectionConfig: { domain: pod.domain } }),
    ).rejects.toMatchObject({
      statusCode: 501,
      error: { code: 'NOT_SUPPORTED' },
    });
    expect((await managed.manager.listSandboxInfos()).items).toEqual([]);
  });
});

describe('Sandbox.connect', () => {
  test('a second client works in the same sandbox', async () => {
    await using box = await createSandbox(pod);
    await box.sandbox.commands.run('echo kept > note');
    await using other = await connectSandbox(pod, box.sandbox.id);
    expect(texts((await other.sandbox.commands.run('cat note')).logs.stdout)).toEqual(['kept']);
  });

  test('an unknown id rejects with the code and the message of the server', async () => {
    await expect(connectSandbox(pod, 'no-such-id')).rejects.toMatchObject({
      statusCode: 404,
      error: { code: 'SANDBOX_NOT_FOUND', message: 'sandbox not found: no-such-id' },
    });
  });
});

describe('a running sandbox', () => {
  test('health.ping and isHealthy say yes', async () => {
    await using box = await createSandbox(pod);
    expect(await box.sandbox.health.ping()).toBe(true);
    expect(await box.sandbox.isHealthy()).toBe(true);
  });

  test('renew moves the expiry', async () => {
    await using box = await createSandbox(pod, { timeoutSeconds: 60 });
    const { expiresAt } = await box.sandbox.renew(3_600);
    const info = await box.sandbox.getInfo();
    expect(info.expiresAt).toEqual(expiresAt);
    expect(Number(expiresAt) - Number(info.createdAt)).toBeGreaterThanOrEqual(3_600_000);
  });

  test('renew into the past is refused', async () => {
    await using box = await createSandbox(pod);
    await expect(box.sandbox.renew(-5)).rejects.toMatchObject({ statusCode: 400 });
    expect((await box.sandbox.getInfo()).status.state).toBe('Running');
  });

  test('patchMetadata sets and removes keys', async () => {
    await using box = await createSandbox(pod, { metadata: { keep: '1', drop: '2' } });
    await box.sandbox.patchMetadata({ drop: null, add: '3' });
    expect((await box.sandbox.getInfo()).metadata).toEqual({ keep: '1', add: '3' });
  });

  test("getEndpoint gives execd's own address, and this machine for any other port", async () => {
    await using box = await createSandbox(pod);
    const { endpoint } = await box.sandbox.getEndpoint(44772);
    const ping = await fetch(`http://${endpoint}/ping`, { headers: { connection: 'close' } });
    expect(ping.status).toBe(200);
    expect(endpoint).not.toBe('127.0.0.1:44772');
    expect(await box.sandbox.getEndpointUrl(3000)).toBe('http://127.0.0.1:3000');
  });

  test.each(['pause', 'resume'] as const)('%s is refused, and it goes on running', async (operation) => {
    await using box = await createSandbox(pod);
    await expect(box.sandbox[operation]()).rejects.toMatchObject({
      statusCode: 501,
      error: { code: 'NOT_SUPPORTED' },
    });
    expect((await box.sandbox.getInfo()).status.state).toBe('Running');
  });
});

describe('listSandboxInfos', () => {
  test('filters by metadata and by state', async () => {
    await using first = await createSandbox(pod, { metadata: { team: 'a b&c=d', kind: 'x' } });
    await using _second = await createSandbox(pod, { metadata: { team: 'other', kind: 'x' } });
    await using managed = sandboxManager(pod);
    const list = async (filter: Parameters<typeof managed.manager.listSandboxInfos>[0]) =>
      (await managed.manager.listSandboxInfos(filter)).items.map(({ id }) => id);
    expect(await list({ metadata: { kind: 'x' } })).toHaveLength(2);
    expect(await list({ metadata: { kind: 'x', team: 'other' } })).not.toContain(first.sandbox.id);
    expect(await list({ states: ['Running', 'Paused'] })).toHaveLength(2);
    expect(await list({ states: ['Paused'] })).toEqual([]);
  });

  test('pages, newest first', async () => {
    await using oldest = await createSandbox(pod);
    await using middle = await createSandbox(pod);
    await using newest = await createSandbox(pod);
    await using managed = sandboxManager(pod);
    const first = await managed.manager.listSandboxInfos({ page: 1, pageSize: 2 });
    expect(first.items.map(({ id }) => id)).toEqual([newest.sandbox.id, middle.sandbox.id]);
    expect(first.pagination).toEqual({
      page: 1,
      pageSize: 2,
      totalItems: 3,
      totalPages: 2,
      hasNextPage: true,
    });
    const last = await managed.manager.listSandboxInfos({ page: 2, pageSize: 2 });
    expect(last.items.map(({ id }) => id)).toEqual([oldest.sandbox.id]);
    expect(last.pagination?.hasNextPage).toBe(false);
  });
});

describe('the end of a sandbox', () => {
  test('kill ends execd and what its commands left running; the id is unknown then', async () => {
    const box = await createSandbox(pod);
    const { logs } = await box.sandbox.commands.run('sleep 300 & echo $PPID; echo $!');
    const pids = texts(logs.stdout).map(Number);
    expect(pids.map(isAlive)).toEqual([true, true]);
    await box.sandbox.kill();
    await expect.poll(() => pids.map(isAlive)).toEqual([false, false]);
    await expect(box.sandbox.getInfo()).rejects.toMatchObject({ statusCode: 404 });
    expect(await box.sandbox.isHealthy()).toBe(false);
    await box.sandbox.close();
  });

  test('an execd that dies makes its sandbox Failed, with the reason', async () => {
    await using box = await createSandbox(pod);
    const { logs } = await box.sandbox.commands.run('echo $PPID');
    process.kill(execdAbove(Number(logs.stdout[0]?.text)), 'SIGKILL');
    await expect.poll(async () => (await box.sandbox.getInfo()).status.state).toBe('Failed');
    expect((await box.sandbox.getInfo()).status.message).toBe('execd ended: signal SIGKILL');
    await expect(connectSandbox(pod, box.sandbox.id)).rejects.toMatchObject({
      statusCode: 409,
      error: { code: 'SANDBOX_NOT_RUNNING' },
    });
  });
});
