import { connect } from 'node:net';
import { writeFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { startExecd } from '../support/execd.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const PARSE = 'error parsing request, MAYBE invalid body format. ';
const VALIDATION = 'invalid request, validation error ';
const ONE_OF = 'exactly one of a non-empty command or argv is required';

test.each([
  ['', `${PARSE}EOF`],
  ['{"command":', PARSE],
  ['[]', PARSE],
  ['"text"', PARSE],
  ['null', PARSE + ONE_OF],
  ['{}', PARSE + ONE_OF],
  ['{"command":""}', PARSE + ONE_OF],
  ['{"command":null}', PARSE + ONE_OF],
  ['{"Command":"true"}', PARSE + ONE_OF],
  ['{"command":"true","argv":["true"]}', PARSE + ONE_OF],
  ['{"command":5}', `${PARSE}command: `],
  ['{"argv":["a",null]}', `${PARSE}argv.1: `],
  ['{"argv":[]}', VALIDATION],
  ['{"argv":[""]}', VALIDATION],
  ['{"argv":["a\\u0000b"]}', VALIDATION],
  ['{"command":"true","background":"yes"}', `${PARSE}background: `],
  ['{"command":"true","timeout":1.5}', `${PARSE}timeout: `],
  ['{"command":"true","timeout":1e3}', `${PARSE}timeout: `],
  ['{"command":"true","timeout":-1}', VALIDATION],
  ['{"command":"true","uid":-1}', `${PARSE}uid: `],
  ['{"command":"true","uid":4294967296}', `${PARSE}uid: `],
  ['{"command":"true","gid":1}', `${VALIDATION}uid is required when gid is provided`],
  ['{"command":"true","envs":{"A":1}}', `${PARSE}envs.A: `],
  ['{"command":"true","envs":[]}', `${PARSE}envs: `],
  [
    '{"command":"true","cwd":"/no/such/place"}',
    `${VALIDATION}working directory does not exist: /no/such/place: stat /no/such/place: no such file or directory`,
  ],
  [
    '{"command":"true","cwd":"/etc/passwd"}',
    `${VALIDATION}working directory path is not a directory: /etc/passwd`,
  ],
  [
    '{"command":"true","cwd":"$NO_SUCH_V"}',
    `${VALIDATION}cannot resolve working directory "$NO_SUCH_V": path references undefined environment variables: NO_SUCH_V`,
  ],
])('contract §3.1: POST /command %s is 400', async (body, message) => {
  await using execd = await startExecd();
  const response = await execd.request('POST', '/command', body);
  expect(response.status).toBe(400);
  const answer = (await response.json()) as { code: string; message: string };
  expect(answer.code).toBe('INVALID_REQUEST_BODY');
  expect(answer.message.startsWith(message), answer.message).toBe(true);
});

test('contract §1.4: the first JSON value counts, keys match in any case, the content type does not matter', async () => {
  await using execd = await startExecd();
  const body = '{"command":"echo $A","ENVS":{"A":"b"},"unknown":1,"cwd":null} trailing';
  const response = await execd.request('POST', '/command', body, {
    headers: { 'content-type': 'text/plain' },
  });
  expect(response.status).toBe(200);
  expect(await response.text()).toContain('"text":"b"');
});

test('a body over the limit is 413 and leaves the connection usable', async () => {
  await using execd = await startExecd();
  const response = await execd.request('POST', '/command', 'x'.repeat(17 * 1024 * 1024));
  expect([response.status, await response.json()]).toMatchObject([413, { code: 'BODY_TOO_LARGE' }]);
  expect((await execd.request('GET', '/ping')).status).toBe(200);
});

test.each([
  ['GET', '/command/status/none', 404, 'INVALID_REQUEST_BODY', 'command not found: none'],
  ['GET', '/command/none/logs', 400, 'INVALID_REQUEST_BODY', 'command not found: none'],
  ['GET', '/command/none/events', 404, 'COMMAND_NOT_FOUND', 'command not found: none'],
  ['DELETE', '/command', 400, 'MISSING_QUERY', "missing query parameter 'id'"],
  ['DELETE', '/command?id=', 400, 'MISSING_QUERY', "missing query parameter 'id'"],
  ['DELETE', '/command?id=none', 500, 'RUNTIME_ERROR', 'error interruptting code context. no such session'],
  ['GET', '/command?limit=0', 400, 'INVALID_REQUEST_BODY', "invalid query parameter 'limit'"],
  ['GET', '/command?state=odd', 400, 'INVALID_REQUEST_BODY', "invalid query parameter 'state'"],
  ['POST', '/command/none/stdin', 404, 'COMMAND_NOT_FOUND', 'command not found: none'],
  ['GET', '/nowhere', 404, 'NOT_FOUND', '404 page not found'],
  ['PUT', '/command', 404, 'NOT_FOUND', '404 page not found'],
  ['OPTIONS', '/command', 404, 'NOT_FOUND', '404 page not found'],
  ['GET', '/command/status/%zz', 400, 'INVALID_REQUEST', ''],
])('contract §1.2, §1.6: %s %s is %i %s', async (method, path, status, code, message) => {
  await using execd = await startExecd();
  const response = await execd.request(method, path);
  expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8');
  const body = (await response.json()) as { code: string; message: string };
  expect([response.status, body.code]).toEqual([status, code]);
  expect(body.message).toContain(message);
});

test.each([[{ signal: 'NOPE' }], [{ signal: 0 }], [{ signal: 'TERM', scope: 'world' }], [{}]])(
  'POST /command/{id}/signal %j is 400',
  async (body) => {
    await using execd = await startExecd();
    const response = await execd.request('POST', '/command/any/signal', body);
    expect([response.status, await response.json()]).toMatchObject([400, { code: 'INVALID_REQUEST_BODY' }]);
  },
);

test('contract §3.3: interrupting a finished command is 500', async () => {
  await using execd = await startExecd();
  const [init] = await execd.run({ command: 'true' });
  const id = init?.type === 'init' ? init.text : '';
  const response = await execd.request('DELETE', `/command?id=${id}`);
  const message = 'error interruptting code context. command session ID is not running';
  expect([response.status, await response.json()]).toEqual([500, { code: 'RUNTIME_ERROR', message }]);
});

test('contract §3.5: a foreground command has no logs, and a cursor cannot be negative', async () => {
  await using execd = await startExecd();
  const [init] = await execd.run({ command: 'true' });
  const id = init?.type === 'init' ? init.text : '';
  const response = await execd.request('GET', `/command/${id}/logs`);
  const message = `command ${id} is not running in background`;
  expect([response.status, await response.json()]).toEqual([400, { code: 'INVALID_REQUEST_BODY', message }]);
  const [background] = await execd.run({ command: 'true', background: true });
  const other = background?.type === 'init' ? background.text : '';
  expect((await execd.request('GET', `/command/${other}/logs?cursor=-1`)).status).toBe(400);
});

test('contract §1.6: a slash too many or too few is a redirect to the route', async () => {
  await using execd = await startExecd();
  const moved = await execd.request('GET', '/command/status/x/?a=1', undefined, { redirect: 'manual' });
  expect([moved.status, moved.headers.get('location')]).toEqual([301, '/command/status/x?a=1']);
  const post = await execd.request('POST', '/command/', { command: 'echo moved' });
  expect(await post.text()).toContain('"text":"moved"');
});

test('contract §1.1: without the token everything but /ping is 401, and the server’s secret is compared whole', async () => {
  await using execd = await startExecd(['--access-token', 'secret-token']);
  const get = (path: string, token?: string) =>
    execd.request(
      'GET',
      path,
      undefined,
      token === undefined ? {} : { headers: { 'x-execd-access-token': token } },
    );
  expect((await get('/ping')).status).toBe(200);
  const message = 'Unauthorized: invalid or missing header X-EXECD-ACCESS-TOKEN';
  for (const path of ['/command', '/nowhere', '/ping/']) {
    for (const token of [undefined, '', 'secret', 'secret-token-and-more']) {
      const response = await get(path, token);
      expect([response.status, await response.json()]).toEqual([
        401,
        { code: 'UNAUTHORIZED', message, error: message },
      ]);
    }
  }
  expect((await get('/command', 'secret-token')).status).toBe(200);
});

test('a request that is no HTTP gets a JSON answer, and the server goes on', async () => {
  await using execd = await startExecd();
  const answer = await new Promise<string>((resolve, reject) => {
    const socket = connect(Number(new URL(execd.url).port), '127.0.0.1');
    let text = '';
    socket.on('data', (chunk) => (text += chunk.toString()));
    socket.on('error', reject);
    socket.on('close', () => resolve(text));
    socket.write('NONSENSE\r\n\r\n');
  });
  expect(answer).toMatch(/^HTTP\/1\.1 400 .*\{"code":"INVALID_REQUEST","message":".+"\}$/s);
  expect((await execd.request('GET', '/ping')).status).toBe(200);
});

test('a working directory that may not be entered is an error event, not a crash', async () => {
  await using directory = await temporaryDirectory();
  await writeFile(`${directory.path}/file`, '');
  await using execd = await startExecd();
  const response = await execd.request('POST', '/command', {
    command: 'pwd',
    cwd: `${directory.path}/file/below`,
  });
  expect(response.status).toBe(400);
  expect(await response.json()).toMatchObject({ code: 'INVALID_REQUEST_BODY' });
});
