import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ShimConnection } from '../../src/shim-connection.ts';
import { ShimLostError } from '../../src/shim-child.ts';
import { startShim } from '../../src/start-shim.ts';
import type { ShimSettings } from '../../src/start-shim.ts';
import { abstractName, addressOf, listens } from '../support/listening.ts';
import { isAlive, kill, statOf } from '../support/processes.ts';
import { script } from '../support/requests.ts';
import { OutputRecord } from '../support/running-child.ts';
import { SHIM_ENVIRONMENT, shimProgram } from '../support/shim-program.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { until } from '../support/until.ts';

const DAEMON = join(import.meta.dirname, '..', 'support', 'daemon-program.ts');

describe('startShim', () => {
  test('starts a shim in a session of its own, and disposing the connection ends it', async () => {
    const complaints: string[] = [];
    const { pid } = await (async () => {
      await using connection = await startShim(settings({ onComplaint: (text) => complaints.push(text) }));
      const output = new OutputRecord();
      const child = connection.spawn(script('echo hello; exit 3'), output.sink);
      expect((await child.exited).value).toBe(3);
      expect(output.text()).toBe('hello\n');
      expect(statOf(connection.shimPid)).toMatchObject({ session: connection.shimPid });
      return { pid: connection.shimPid };
    })();
    await until(() => statOf(pid) === undefined);
    expect(complaints).toEqual([]);
  });

  test('the next daemon finds it where it was told to listen', async () => {
    const listenPath = abstractName();
    const token = randomBytes(32);
    const first = await startShim(settings({ listenPath, token }));
    const { shimPid } = first;
    const before = new OutputRecord();
    first.spawn(script('echo kept; exec sleep 300'), before.sink);
    await first.spawn(script(''), () => undefined).exited;
    await until(() => before.text() === 'kept\n');
    await first.abandon();
    const output = new OutputRecord();
    await using next = await ShimConnection.open(
      connect(addressOf(listenPath)),
      token,
      () => output.sink,
      5000,
    );
    expect(next.shimPid).toBe(shimPid);
    expect(next.adopted).toHaveLength(2);
    for (const { child } of next.adopted) await child.signal(9, 'tree');
    for (const { child } of next.adopted) await child.exited;
    expect(output.text()).toBe('kept\n');
  });

  test.each([
    { name: 'is not there', program: '/nowhere/shim', error: 'ENOENT' },
    { name: 'is no program', program: '/etc/passwd', error: 'EACCES' },
  ])('a program that $name', async ({ program, error }) => {
    await expect(startShim(settings({ program }))).rejects.toThrow(error);
  });

  test('a program that says nothing is ended when the time is over', async () => {
    await using directory = await temporaryDirectory();
    const program = await mute(directory.path, 'exec sleep 300');
    await expect(startShim(settings({ program, helloTimeoutMs: 200 }))).rejects.toThrow(ShimLostError);
  });

  test('a program that ends at once, and what it said', async () => {
    await using directory = await temporaryDirectory();
    const complaints: string[] = [];
    const program = await mute(directory.path, 'echo cannot go on >&2; exit 1');
    const onComplaint = (text: string) => complaints.push(text);
    await expect(startShim(settings({ program, onComplaint }))).rejects.toThrow(ShimLostError);
    await until(() => complaints.length > 0);
    expect(complaints).toEqual(['cannot go on']);
  });

  test('a program that speaks something else', async () => {
    await using directory = await temporaryDirectory();
    const program = await mute(directory.path, 'echo HTTP/1.1 400 Bad Request >&3; exec sleep 300');
    await expect(startShim(settings({ program }))).rejects.toThrow('broke its protocol');
  });
});

describe('The daemon dies', () => {
  test('by SIGKILL, a real one: the shim and its children live, and the next daemon gets them', async () => {
    const listen = abstractName();
    const token = randomBytes(32);
    const daemon = spawn(
      process.execPath,
      ['--conditions=source', DAEMON, shimProgram(), listen, token.toString('hex')],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
        env: SHIM_ENVIRONMENT,
      },
    );
    let said = '';
    daemon.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
    await until(() => said.endsWith('\n'));
    const [shim = 0, child = 0] = said.trim().split(' ').map(Number);
    daemon.kill('SIGKILL');
    await new Promise((resolve) => daemon.once('close', resolve));
    expect(listens(listen)).toBe(true);
    expect([shim, child].map(isAlive)).toEqual([true, true]);

    const output = new OutputRecord();
    const next = await ShimConnection.open(connect(addressOf(listen)), token, () => output.sink, 5000);
    expect(next.adopted.map(({ pid }) => pid)).toEqual([child]);
    const [adopted] = next.adopted;
    await until(() => output.text().split('\n').length > 20);
    expect(output.text()).toMatch(/^1\n2\n3\n/);
    await adopted?.child.signal(15, 'leader');
    expect(await adopted?.child.exited).toMatchObject({ how: 'code', value: 7 });
    await next[Symbol.asyncDispose]();
    await until(() => !isAlive(shim));
    kill(child);
  });
});

function settings(change: Partial<ShimSettings>): ShimSettings {
  return {
    program: shimProgram(),
    token: randomBytes(32),
    environment: SHIM_ENVIRONMENT,
    helloTimeoutMs: 10_000,
    onComplaint: () => undefined,
    ...change,
  };
}

/** A program that does this instead of what the shim does. */
async function mute(directory: string, text: string): Promise<string> {
  const path = join(directory, 'program');
  await writeFile(path, `#!/bin/sh\n${text}\n`);
  await chmod(path, 0o755);
  return path;
}
