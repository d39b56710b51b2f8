import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Sandbox } from '@alibaba-group/opensandbox';
import { isAlive, startDevPod } from '../support/dev-pod.ts';
import type { DevPod } from '../support/dev-pod.ts';
import { connectSandbox, createSandbox, texts } from '../support/sdk-sandbox.ts';

let pod: DevPod;
let sandboxId: string;

beforeAll(async () => {
  pod = await startDevPod();
  const { sandbox } = await createSandbox(pod);
  sandboxId = sandbox.id;
  await sandbox.close();
});

afterAll(() => pod[Symbol.asyncDispose]());

const connect = () => connectSandbox(pod, sandboxId);

/** Reads status and logs in turns, from cursor to cursor, until the command has ended and everything was read. */
async function followLogs(
  { commands }: Sandbox,
  id: string,
): Promise<{ parts: string[]; cursor: number | undefined }> {
  const parts: string[] = [];
  let cursor: number | undefined;
  for (let running = true; running;) {
    running = (await commands.getCommandStatus(id)).running === true;
    const logs = await commands.getBackgroundCommandLogs(id, cursor);
    parts.push(logs.content);
    cursor = logs.cursor;
  }
  return { parts, cursor };
}

describe('a background command', () => {
  test('run answers at once; status and logs by cursor lead to its end', async () => {
    await using box = await connect();
    const { commands } = box.sandbox;
    const execution = await commands.run(
      'echo log-line-1; until [ -e release ]; do sleep 0.02; done; echo log-line-2 >&2; sleep 0.1; echo log-line-3',
      { background: true },
    );
    const id = String(execution.id);
    expect(execution.exitCode).toBeUndefined();
    expect(execution.logs.stdout).toEqual([]);
    expect(await commands.getCommandStatus(id)).toMatchObject({
      id,
      running: true,
      exitCode: null,
      finishedAt: null,
    });
    await commands.run('touch release');
    const { parts, cursor } = await followLogs(box.sandbox, id);
    const everything = 'log-line-1\nlog-line-2\nlog-line-3\n';
    expect(parts.join('')).toBe(everything);
    expect(cursor).toBe(everything.length);
    const status = await commands.getCommandStatus(id);
    expect(status).toMatchObject({ id, running: false, exitCode: 0 });
    expect(Number(status.finishedAt)).toBeGreaterThanOrEqual(Number(status.startedAt));
    expect(await commands.getBackgroundCommandLogs(id, cursor)).toEqual({ content: '', cursor });
    expect((await commands.getBackgroundCommandLogs(id)).content).toBe(everything);
  });

  test('its failure shows in the status', async () => {
    await using box = await connect();
    const { id } = await box.sandbox.commands.run('echo why >&2; exit 3', { background: true });
    expect((await followLogs(box.sandbox, String(id))).parts.join('')).toBe('why\n');
    expect(await box.sandbox.commands.getCommandStatus(String(id))).toMatchObject({
      running: false,
      exitCode: 3,
      error: 'exit status 3',
    });
  });

  test('its timeout ends it', async () => {
    await using box = await connect();
    const { id } = await box.sandbox.commands.run('sleep 300', { background: true, timeoutSeconds: 0.2 });
    await followLogs(box.sandbox, String(id));
    expect(await box.sandbox.commands.getCommandStatus(String(id))).toMatchObject({
      running: false,
      exitCode: -1,
    });
  });

  test('it can be interrupted', async () => {
    await using box = await connect();
    const { commands } = box.sandbox;
    const { id } = await commands.run('sleep 300', { background: true });
    await commands.interrupt(String(id));
    expect(await commands.getCommandStatus(String(id))).toMatchObject({ running: false, exitCode: -1 });
  });
});

describe('getCommandStatus', () => {
  test('knows foreground commands too', async () => {
    await using box = await connect();
    const { id } = await box.sandbox.commands.run('exit 4');
    const status = await box.sandbox.commands.getCommandStatus(String(id));
    expect(status).toMatchObject({
      id,
      content: 'exit 4',
      running: false,
      exitCode: 4,
      error: 'exit status 4',
    });
    expect(status.startedAt).toBeInstanceOf(Date);
  });

  test('an unknown id rejects', async () => {
    await using box = await connect();
    await expect(box.sandbox.commands.getCommandStatus('no-such-id')).rejects.toMatchObject({
      statusCode: 404,
      error: { message: 'command not found: no-such-id' },
    });
  });
});

describe('getBackgroundCommandLogs', () => {
  test('a foreground command rejects', async () => {
    await using box = await connect();
    const { id } = await box.sandbox.commands.run('echo x');
    await expect(box.sandbox.commands.getBackgroundCommandLogs(String(id))).rejects.toMatchObject({
      statusCode: 400,
      error: { message: `command ${id} is not running in background` },
    });
  });
});

describe('interrupt', () => {
  test('by the id of init ends the stream and the grandchildren; a later command works', async () => {
    await using box = await connect();
    const { commands } = box.sandbox;
    let id = '';
    const interrupted: Promise<void>[] = [];
    const execution = await commands.run('sh -c "sleep 300 & echo \\$!; wait"', undefined, {
      onInit: (init) => void (id = init.id),
      onStdout: () => void interrupted.push(commands.interrupt(id)),
    });
    await Promise.all(interrupted);
    expect(interrupted).toHaveLength(1);
    expect(execution.error?.name).toBe('CommandExecError');
    expect(execution.error?.value).toBe('-1');
    expect(execution.complete).toBeUndefined();
    const grandchild = Number(execution.logs.stdout[0]?.text);
    expect(grandchild).toBeGreaterThan(1);
    await expect.poll(() => isAlive(grandchild)).toBe(false);
    expect(texts((await commands.run('echo later')).logs.stdout)).toEqual(['later']);
  });

  test('of a command that ignores SIGTERM kills it', async () => {
    await using box = await connect();
    const { commands } = box.sandbox;
    let id = '';
    const interrupted: Promise<void>[] = [];
    const execution = await commands.run('trap "" TERM; echo ready; sleep 300', undefined, {
      onInit: (init) => void (id = init.id),
      onStdout: () => void interrupted.push(commands.interrupt(id)),
    });
    await Promise.all(interrupted);
    expect(execution.exitCode).toBe(-1);
    expect(execution.error?.traceback[0]).toBe('signal: killed');
  });

  test('of an id that never was rejects', async () => {
    await using box = await connect();
    await expect(box.sandbox.commands.interrupt('fake-id')).rejects.toMatchObject({
      statusCode: 500,
      error: { code: 'RUNTIME_ERROR', message: expect.stringContaining('no such session') as string },
    });
  });

  test('of a finished command rejects', async () => {
    await using box = await connect();
    const { id } = await box.sandbox.commands.run('true');
    await expect(box.sandbox.commands.interrupt(String(id))).rejects.toMatchObject({
      statusCode: 500,
      error: { message: expect.stringContaining('is not running') as string },
    });
  });
});
