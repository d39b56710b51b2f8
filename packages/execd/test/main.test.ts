import { readdir, readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { startExecdProcess, startListening } from './support/execd-process.ts';
import { temporaryDirectory } from './support/temporary-directory.ts';

const close = { headers: { connection: 'close' } };

function run(url: string, body: Record<string, unknown>): Promise<Response> {
  return fetch(`${url}/command`, { method: 'POST', body: JSON.stringify(body), ...close });
}

test.each([
  [['--port', 'abc'], {}, '--port'],
  [['--port', '65536'], {}, '--port'],
  [['-log-level=x'], {}, '--log-level'],
  [['--no-such-flag'], {}, '--no-such-flag'],
  [['--init', '--', 'sleep', '1'], {}, 'cannot run as the init process'],
  [['--graceful-shutdown-timeout', 'soon'], {}, '--graceful-shutdown-timeout'],
  [[], { JUPYTER_HOST: 'localhost:8888' }, 'JUPYTER_HOST'],
  [[], { EXECD_API_GRACE_SHUTDOWN: '5' }, 'EXECD_API_GRACE_SHUTDOWN'],
  [[], { EXECD_CLONE3_COMPAT: 'maybe' }, 'EXECD_CLONE3_COMPAT'],
  [[], { EXECD_LOG_FILE: '/no/such/directory/log' }, '/no/such/directory/log'],
])(
  'contract §13.1: %j with %j ends with one readable line and exit code 2',
  async (args, environment, named) => {
    await using execd = startExecdProcess(args, { ...process.env, ...environment });
    expect(await execd.ended).toBe(2);
    expect(execd.stderr).toMatch(/^execd: [^\n]+\n$/);
    expect(execd.stderr).toContain(named);
  },
);

test('--help names every flag and --version the version', async () => {
  await using help = startExecdProcess(['--help']);
  expect(await help.ended).toBe(0);
  const text = help.log.map((line) => line['text']).join('\n');
  for (const flag of [
    '--port',
    '--access-token',
    '--jupyter-host',
    '--log-level',
    '--graceful-shutdown-timeout',
  ]) {
    expect(text).toContain(flag);
  }
  await using version = startExecdProcess(['--version']);
  expect(await version.ended).toBe(0);
  expect(version.log[0]?.['text']).toMatch(/^execd \d+\.\d+\.\d+$/);
});

test('contract §13.4: a port that is taken ends it with a log line and exit code 1', async () => {
  await using first = await startListening();
  await using second = startExecdProcess(['--host', '127.0.0.1', '--port', new URL(first.url).port]);
  expect(await second.ended).toBe(1);
  expect(second.log.at(-1)).toMatchObject({ level: 'error', msg: 'failed to listen' });
});

test('contract §0: without --host it answers on IPv4 and on IPv6', async () => {
  await using execd = startExecdProcess(['--port', '0']);
  const { port } = await execd.logged(({ msg }) => msg === 'execd listening');
  for (const host of ['127.0.0.1', '[::1]']) {
    expect((await fetch(`http://${host}:${String(port)}/ping`, close)).status).toBe(200);
  }
});

test('the log has a line a request, secrets masked, and never what a command printed', async () => {
  await using execd = await startListening(['--access-token', 'token-0123456789']);
  const headers = { 'x-execd-access-token': 'token-0123456789', connection: 'close' };
  const body = JSON.stringify({ command: 'echo PRINTED-$((40+2)); export API_TOKEN=s3cr3t-value' });
  const answer = await (await fetch(`${execd.url}/command`, { method: 'POST', headers, body })).text();
  expect(answer).toContain('PRINTED-42');
  const line = await execd.logged(({ msg, url }) => msg === 'request' && url === '/command');
  expect(line).toMatchObject({ level: 'info', method: 'POST', status: 200 });
  expect(line['execution']).toMatch(/^[0-9a-f]{32}$/);
  const all = JSON.stringify(execd.log);
  expect(all).not.toContain('PRINTED-42');
  expect(all).not.toContain('s3cr3t-value');
  expect(all).not.toContain('token-0123456789');
  expect(all).toContain('toke****6789');
});

test('EXECD_LOG_FILE takes the log instead of stdout', async () => {
  await using directory = await temporaryDirectory();
  const file = `${directory.path}/execd.log`;
  await using execd = startExecdProcess(['--host', '127.0.0.1', '--port', '0', '--log-file', file]);
  let text = '';
  while (!text.includes('execd listening')) text = await readFile(file, 'utf8').catch(() => '');
  expect(execd.log).toEqual([]);
  execd.kill('SIGTERM');
  expect(await execd.ended).toBe(0);
  expect(await readFile(file, 'utf8')).toContain('execd stopping');
});

test('SIGTERM ends running commands, tells their streams, removes what was kept and exits 0', async () => {
  await using directory = await temporaryDirectory();
  await using execd = await startListening(['--spool-dir', directory.path]);
  const big = await run(execd.url, { command: 'head -c 3000000 /dev/zero | tr "\\0" "\\n"' });
  await big.text();
  const spooled = await readdir(directory.path);
  expect(spooled).toHaveLength(1);
  const streaming = await run(execd.url, {
    command: 'trap "echo asked to end; exit 3" TERM; echo up; while :; do sleep 0.05; done',
  });
  const reader = streaming.body?.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  while (!text.includes('"up"')) text += (await reader?.read())?.value ?? '';
  execd.kill('SIGTERM');
  for (let chunk = await reader?.read(); chunk && !chunk.done; chunk = await reader?.read())
    text += chunk.value;
  expect(text).toContain('asked to end');
  expect(text).toContain('"evalue":"3","traceback":["exit status 3","execd was shut down"]');
  expect(await execd.ended).toBe(0);
  expect(await readdir(directory.path)).toEqual([]);
});

test('a second SIGTERM ends it at once', async () => {
  await using execd = await startListening();
  const body = { command: "trap '' TERM; echo up; while :; do sleep 0.05; done", background: true };
  await (await run(execd.url, body)).text();
  const { commands } = (await (await fetch(`${execd.url}/command`, close)).json()) as {
    commands: { pid: number }[];
  };
  execd.kill('SIGTERM');
  await execd.logged(({ msg }) => msg === 'execd stopping');
  execd.kill('SIGTERM');
  expect(await execd.ended).toBe(143);
  // Nobody was left to wait for the command that ignores SIGTERM.
  for (const { pid } of commands) expect(process.kill(-pid, 'SIGKILL')).toBe(true);
});

test('a spool directory that cannot be written to is passed over', async () => {
  await using execd = await startListening(['--spool-dir', '/proc/nowhere']);
  const answer = await (await run(execd.url, { command: 'seq 1 300000' })).text();
  expect(answer).toContain('"text":"300000"');
});
