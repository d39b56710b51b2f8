import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { runDevPod, runInBash, startDevPod } from '../../../test/support/dev-pod.ts';
import { temporaryDirectory } from './support/temporary-directory.ts';

/** A program that ends at once. */
const NO_EXECD = fileURLToPath(new URL('support/no-execd.mjs', import.meta.url));

describe('the command line', () => {
  test.each(['--help', '-h'])('%s explains the flags and says that it is no sandbox', async (flag) => {
    const { exit, stdout, stderr } = await runDevPod([flag]);
    expect(exit).toBe(0);
    expect(stderr).toBe('');
    expect(stdout).toContain('THIS IS NOT A SANDBOX. Every command runs as you, on your machine');
    expect(stdout).toContain('accepted and ignored');
    for (const name of ['--port', '--execd-port', '--execd', '--verbose'])
      expect(stdout).toContain(`  ${name} `);
  });

  test.each([
    { flags: ['--port', 'http'], says: '--port' },
    { flags: ['--port', '65536'], says: '--port' },
    { flags: ['--execd-port', '-1'], says: '--execd-port' },
    { flags: ['--execd', '/no/such/file.js'], says: '--execd' },
    { flags: ['--no-such-flag'], says: '--no-such-flag' },
    { flags: ['--port'], says: '--port' },
    { flags: ['argument'], says: 'argument' },
    { flags: ['--', 'argument'], says: 'argument' },
  ])('$flags is one line on stderr and exit code 2', async ({ flags, says }) => {
    const { exit, stdout, stderr } = await runDevPod(flags);
    expect(exit).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/^dev-pod: .+\n$/);
    expect(stderr).toContain(says);
  });
});

describe('a start that fails', () => {
  test.each(['--port', '--execd-port'])(
    'the port of %s is in use: one line, exit code 1, nothing left',
    async (flag) => {
      await using taken = await takenPort();
      using scratch = temporaryDirectory();
      const free = flag === '--port' ? '--execd-port' : '--port';
      const { exit, stdout, stderr } = await runDevPod(
        [flag, String(taken.port), free, '0'],
        scratch.environment,
      );
      expect({ exit, stdout }).toEqual({ exit: 1, stdout: '' });
      expect(stderr).toBe(`dev-pod: port ${taken.port} is in use; choose another one with ${flag}\n`);
      expect(readdirSync(scratch.path)).toEqual([]);
    },
  );

  test('an execd that ends at once: one line with its last words, exit code 1, nothing left', async () => {
    using scratch = temporaryDirectory();
    const flags = ['--port', '0', '--execd-port', '0', '--execd', NO_EXECD];
    const { exit, stdout, stderr } = await runDevPod(flags, scratch.environment);
    expect({ exit, stdout }).toEqual({ exit: 1, stdout: '' });
    expect(stderr).toBe('dev-pod: execd ended while starting: this is no execd\n');
    expect(readdirSync(scratch.path)).toEqual([]);
  });
});

describe('a start', () => {
  test('prints a headline and three lines to paste, and nothing else', async () => {
    await using pod = await startDevPod();
    expect(pod.welcome[0]).toMatch(
      /^execd on http:\/\/127\.0\.0\.1:\d+, .*Not a sandbox: commands run as you/,
    );
    expect(pod.welcome.slice(1).map((line) => line.split(' ')[0])).toEqual(['curl', 'node', 'pip']);
    await pod[Symbol.asyncDispose]();
    const { exit, stdout, stderr } = await pod.ended;
    expect({ exit, stdout, stderr }).toEqual({ exit: 0, stdout: `${pod.welcome.join('\n')}\n`, stderr: '' });
  });

  test('--verbose logs on stderr, dev-pod and execd', async () => {
    await using pod = await startDevPod({ flags: ['--verbose'] });
    await pod[Symbol.asyncDispose]();
    const { stderr } = await pod.ended;
    expect(stderr).toMatch(/^execd \{.*"msg":"execd listening"/m);
    expect(stderr).toMatch(/^dev-pod \{.*"msg":"dev-pod stopping"/m);
  });

  test('the printed curl runs a command, pasted as it is', async () => {
    await using pod = await startDevPod();
    const { exit, stdout } = await runInBash(String(pod.welcome[1]));
    expect(exit).toBe(0);
    const events = stdout.split('\n').filter((line) => line !== '');
    expect(events.map((line) => JSON.parse(line) as unknown)).toContainEqual(
      expect.objectContaining({ type: 'stdout', text: 'hello' }),
    );
  });

  test('the printed JavaScript runs a command in a sandbox and ends it, pasted as it is', async () => {
    await using pod = await startDevPod();
    expect(await runInBash(String(pod.welcome[2]))).toEqual({ exit: 0, stdout: 'hello\n', stderr: '' });
    const list = await fetch(`http://${pod.domain}/v1/sandboxes`, { headers: { connection: 'close' } });
    expect(await list.json()).toMatchObject({ items: [] });
  });
});

/** A port of 127.0.0.1 that somebody listens on. */
async function takenPort(): Promise<AsyncDisposable & { readonly port: number }> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  // A TCP server has an address with a port.
  const { port } = server.address() as AddressInfo;
  return {
    port,
    async [Symbol.asyncDispose]() {
      server.close();
      await once(server, 'close');
    },
  };
}
