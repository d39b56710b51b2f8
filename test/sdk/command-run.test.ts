import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { isAlive } from '../support/dev-pod.ts';
import { texts } from '../support/sdk-sandbox.ts';
import type { SdkSandbox } from '../support/sdk-sandbox.ts';
import { sharedSandbox } from '../support/shared-sandbox.ts';

const NOBODY = 65534;
const isRoot = process.getuid?.() === 0;

const { connect, create } = sharedSandbox();

describe('commands.run', () => {
  test('contract §18: one stdout event without newline, exit code 0, an id and an execution time', async () => {
    await using box = await connect();
    const before = Date.now();
    const execution = await box.sandbox.commands.run("sleep 0.05; echo 'X'");
    const after = Date.now();
    expect(texts(execution.logs.stdout)).toEqual(['X']);
    expect(execution.logs.stderr).toEqual([]);
    expect(execution.exitCode).toBe(0);
    expect(execution.error).toBeUndefined();
    expect(execution.id).toMatch(/^\S+$/);
    expect(execution.complete?.executionTimeMs).toBeGreaterThanOrEqual(50);
    const stamps = [execution.logs.stdout[0]?.timestamp, execution.complete?.timestamp].map(Number);
    expect(stamps.every((stamp) => stamp >= before && stamp <= after)).toBe(true);
  });

  test('handlers see init first, then the output of each stream, then the completion', async () => {
    await using box = await connect();
    const seen: string[] = [];
    const execution = await box.sandbox.commands.run('echo out; sleep 0.1; echo err >&2', undefined, {
      onInit: ({ id }) => void seen.push(`init ${id}`),
      onStdout: ({ text, isError }) => void seen.push(`stdout ${text} ${isError}`),
      onStderr: ({ text, isError }) => void seen.push(`stderr ${text} ${isError}`),
      onExecutionComplete: () => void seen.push('complete'),
      onError: () => void seen.push('error'),
    });
    expect(seen).toEqual([`init ${execution.id}`, 'stdout out false', 'stderr err true', 'complete']);
  });

  test('output arrives while the command runs', async () => {
    await using box = await connect();
    const go = join(await workingDirectory(box), 'go-live');
    const execution = await box.sandbox.commands.run(
      'echo first; until [ -e go-live ]; do sleep 0.02; done; echo second',
      undefined,
      // The command only goes on when its first line has come to us.
      { onStdout: () => writeFileSync(go, '') },
    );
    expect(texts(execution.logs.stdout)).toEqual(['first', 'second']);
  });
});

describe('the ending of commands.run', () => {
  test('a failing command: its exit code, CommandExecError, no completion', async () => {
    await using box = await connect();
    const seen: string[] = [];
    const execution = await box.sandbox.commands.run('echo before; exit 7', undefined, {
      onError: ({ name, value }) => void seen.push(`${name} ${value}`),
      onExecutionComplete: () => void seen.push('complete'),
    });
    expect(seen).toEqual(['CommandExecError 7']);
    expect(execution.exitCode).toBe(7);
    expect(execution.error?.traceback).toEqual(['exit status 7']);
    expect(execution.complete).toBeUndefined();
    expect(texts(execution.logs.stdout)).toEqual(['before']);
  });

  test('an unknown command: 127, and stderr has its name', async () => {
    await using box = await connect();
    const execution = await box.sandbox.commands.run('no-such-program --flag');
    expect(execution.exitCode).toBe(127);
    expect(execution.error).toMatchObject({ name: 'CommandExecError', value: '127' });
    expect(texts(execution.logs.stderr).join()).toContain('no-such-program');
    expect(execution.complete).toBeUndefined();
  });

  test('a command that kills itself: -1 and the signal', async () => {
    await using box = await connect();
    const execution = await box.sandbox.commands.run('kill -KILL $$');
    expect(execution.exitCode).toBe(-1);
    expect(execution.error?.traceback[0]).toBe('signal: killed');
  });

  test('a command that cannot be started: an error with the reason and a traceback', async () => {
    await using box = await connect();
    const execution = await box.sandbox.commands.run('true', { envs: { TOO_LONG: 'x'.repeat(200_000) } });
    expect(execution.error?.name).toBe('CommandExecError');
    expect(execution.error?.value).toContain('argument list too long');
    expect(execution.error?.traceback).toEqual([execution.error?.value]);
    expect(execution.exitCode).toBeNull();
  });

  test('a timeout: -1, and grandchildren are killed too', async () => {
    await using box = await connect();
    const execution = await box.sandbox.commands.run('sh -c "sleep 300 & echo \\$!; wait"', {
      timeoutSeconds: 0.3,
    });
    expect(execution.exitCode).toBe(-1);
    expect(execution.error).toMatchObject({ name: 'CommandExecError', value: '-1' });
    expect(execution.complete).toBeUndefined();
    const grandchild = Number(execution.logs.stdout[0]?.text);
    expect(grandchild).toBeGreaterThan(1);
    await expect.poll(() => isAlive(grandchild)).toBe(false);
  });
});

describe('execd behind commands.run', () => {
  test('a client that leaves ends its own stream only', async () => {
    await using box = await connect();
    // The SDK itself cannot leave: it stops listening to its signal when the headers are there.
    const url = `${await box.sandbox.getEndpointUrl(44772)}/command`;
    const leave = new AbortController();
    const command = 'until [ -e client-left ]; do sleep 0.02; done; echo yes > went-on';
    const { status } = await fetch(url, {
      method: 'POST',
      body: JSON.stringify({ command }),
      signal: leave.signal,
    });
    leave.abort();
    expect(status).toBe(200);
    expect(await box.sandbox.health.ping()).toBe(true);
    const later = await box.sandbox.commands.run(
      'touch client-left; until [ -s went-on ]; do sleep 0.02; done; cat went-on',
    );
    expect(texts(later.logs.stdout)).toEqual(['yes']);
  });

  test('100 parallel commands keep their output apart', async () => {
    await using box = await connect();
    const runs = Array.from({ length: 100 }, async (_, index) => {
      const { exitCode, logs } = await box.sandbox.commands.run(`echo run-${index}; exit ${index % 3}`);
      return { exitCode, stdout: texts(logs.stdout) };
    });
    expect(await Promise.all(runs)).toEqual(
      Array.from({ length: 100 }, (_, index) => ({ exitCode: index % 3, stdout: [`run-${index}`] })),
    );
  });

  test('a removed temporary directory is made again', async () => {
    await using box = await connect();
    const [temporary] = texts((await box.sandbox.commands.run('echo "$TMPDIR"')).logs.stdout);
    // Its own one, not that of the machine.
    expect(temporary).toMatch(/\/opensandbox-dev-pod\.\w+\/[0-9a-f-]{36}\/tmp$/);
    await box.sandbox.commands.run(`rm -rf '${temporary}'`);
    const { id } = await box.sandbox.commands.run('echo kept', { background: true });
    await expect
      .poll(async () => (await box.sandbox.commands.getBackgroundCommandLogs(String(id))).content)
      .toBe('kept\n');
    const big = await box.sandbox.commands.run('head -c 3000000 /dev/zero | tr "\\0" x');
    expect(big.logs.stdout[0]?.text).toHaveLength(3_000_000);
  });
});

describe('envs', () => {
  test('are seen by that command only', async () => {
    await using box = await connect();
    const command = 'echo "${MY_VARIABLE-__EMPTY__}"';
    const first = await box.sandbox.commands.run(command, { envs: { MY_VARIABLE: 'a "b" $c' } });
    const second = await box.sandbox.commands.run(command);
    expect(texts(first.logs.stdout)).toEqual(['a "b" $c']);
    expect(texts(second.logs.stdout)).toEqual(['__EMPTY__']);
  });
});

describe('workingDirectory', () => {
  test.each([
    { name: 'an absolute path', workingDirectory: '/', expected: '/' },
    { name: '~', workingDirectory: '~', expected: String(process.env['HOME']) },
    { name: 'a variable', workingDirectory: '$HOME', expected: String(process.env['HOME']) },
  ])('$name', async ({ workingDirectory: directory, expected }) => {
    await using box = await connect();
    const { logs } = await box.sandbox.commands.run('pwd', { workingDirectory: directory });
    expect(texts(logs.stdout)).toEqual([expected]);
  });

  test('two matching files are two events', async () => {
    await using box = await connect();
    const directory = mkdtempSync(join(tmpdir(), 'sdk-test.'));
    for (const name of ['fs_test_a', 'fs_test_b', 'other']) writeFileSync(join(directory, name), '');
    const { logs } = await box.sandbox.commands.run('ls -la | grep fs_test', { workingDirectory: directory });
    expect(texts(logs.stdout).map((line) => line.split(' ').at(-1))).toEqual(['fs_test_a', 'fs_test_b']);
    rmSync(directory, { recursive: true });
  });

  test('one that is missing rejects with the reason, and nothing runs', async () => {
    await using box = await connect();
    const run = box.sandbox.commands.run('touch should-not-be', { workingDirectory: '/no/such/place' });
    await expect(run).rejects.toMatchObject({
      statusCode: 400,
      error: { code: 'INVALID_REQUEST_BODY', message: expect.stringContaining('/no/such/place') as string },
    });
    const { exitCode } = await box.sandbox.commands.run('test -e should-not-be');
    expect(exitCode).toBe(1);
  });
});

describe('uid and gid', () => {
  beforeEach(({ skip }) => skip(!isRoot, 'only root can run a command as somebody else'));

  test('a command runs as that user and group', async () => {
    await using box = await connect();
    const { logs } = await box.sandbox.commands.run('id -u; id -g', { uid: NOBODY, gid: NOBODY });
    expect(texts(logs.stdout)).toEqual(['65534', '65534']);
  });

  test('without them it runs as execd does', async () => {
    await using box = await connect();
    const { logs } = await box.sandbox.commands.run('id -u; id -g');
    expect(texts(logs.stdout)).toEqual(['0', '0']);
  });

  test('that user cannot do what only root can, and can use the temporary directory', async () => {
    await using box = await create();
    const refused = await box.sandbox.commands.run('touch /etc/sdk-test', { uid: NOBODY });
    expect(refused.exitCode).toBe(1);
    const allowed = await box.sandbox.commands.run('mktemp', { uid: NOBODY });
    expect(allowed.exitCode).toBe(0);
  });
});

async function workingDirectory({ sandbox }: SdkSandbox): Promise<string> {
  return String(texts((await sandbox.commands.run('pwd')).logs.stdout)[0]);
}
