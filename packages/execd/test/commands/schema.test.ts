import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { expect, test } from 'vitest';
import { commandStatus, listQuery, runCommandRequest, signalRequest } from '../../src/commands/schema.ts';
import { jsonBody } from '@pod-agent/daemon-kit/http/json-body';

const DEFAULTS = {
  cwd: '',
  background: false,
  timeoutMs: 0,
  uid: undefined,
  gid: undefined,
  envs: {},
  stdin: false,
  groups: undefined,
  limits: undefined,
  killDetached: false,
};

/** The request that a body means, read as the server reads it. */
function parse(body: string): Promise<unknown> {
  const request = new IncomingMessage(new Socket());
  request.push(body);
  request.push(null);
  return jsonBody(runCommandRequest, { parse: 'parse: ', validation: 'validation: ' }).read(request);
}

const line = (commandLine: string, more: object = {}) => ({ ...DEFAULTS, program: { commandLine }, ...more });
const direct = (argv: string[], more: object = {}) => ({ ...DEFAULTS, program: { argv }, ...more });

test.each([
  { body: '{"command":"ls"}', request: line('ls') },
  { body: '{"command":" "}', request: line(' ') },
  { body: '{"argv":["ls"]}', request: direct(['ls']) },
  { body: '{"argv":["a b","","-c"]}', request: direct(['a b', '', '-c']) },
  {
    body: '{"command":"x","cwd":"/tmp","background":true,"timeout":1500,"uid":1,"gid":2,"envs":{"A":"b"},"stdin":true}',
    request: line('x', {
      cwd: '/tmp',
      background: true,
      timeoutMs: 1500,
      uid: 1,
      gid: 2,
      envs: { A: 'b' },
      stdin: true,
    }),
  },
  {
    body: '{"command":"x","cwd":null,"background":null,"timeout":null,"uid":null,"gid":null,"envs":null,"stdin":null}',
    request: line('x'),
  },
  {
    body: '{"command":"x","CWD":"/a","Background":true,"TimeOut":5,"UID":0}',
    request: line('x', { cwd: '/a', background: true, timeoutMs: 5, uid: 0 }),
  },
  { body: '{"command":"x","timeout":1,"Timeout":2}', request: line('x', { timeoutMs: 2 }) },
  { body: '{"command":"x","timeout":1,"timeout":3}', request: line('x', { timeoutMs: 3 }) },
  { body: '{"command":"x","unknown":[1],"_":null}', request: line('x') },
  { body: '{"command":"x","Command":"y","ARGV":["z"]}', request: line('x') },
  {
    body: '{"command":"x","envs":{"A":null,"B":"","c":"d"}}',
    request: line('x', { envs: { A: '', B: '', c: 'd' } }),
  },
  { body: '{"command":"x","uid":4294967295,"gid":0}', request: line('x', { uid: 0xffff_ffff, gid: 0 }) },
  {
    body: '{"command":"x","timeout":9007199254740991}',
    request: line('x', { timeoutMs: Number.MAX_SAFE_INTEGER }),
  },
  { body: '{"command":"x"}trailing', request: line('x') },
])('contract §3.1: $body is understood', async ({ body, request }) => {
  expect(await parse(body)).toEqual(request);
});

const REQUIRED = 'exactly one of a non-empty command or argv is required';

test.each([
  { body: '', message: 'parse: EOF' },
  { body: '{"command":', message: 'parse: ' },
  { body: 'null', message: `parse: ${REQUIRED}` },
  { body: '{}', message: `parse: ${REQUIRED}` },
  { body: '{"command":""}', message: `parse: ${REQUIRED}` },
  { body: '{"command":null}', message: `parse: ${REQUIRED}` },
  { body: '{"argv":null}', message: `parse: ${REQUIRED}` },
  { body: '{"command":"x","argv":["y"]}', message: `parse: ${REQUIRED}` },
  { body: '{"command":"","argv":["y"]}', message: `parse: ${REQUIRED}` },
  { body: '{"command":null,"argv":["y"]}', message: `parse: ${REQUIRED}` },
  { body: '{"command":"x","argv":null}', message: `parse: ${REQUIRED}` },
  { body: '{"command":"x","argv":[]}', message: `parse: ${REQUIRED}` },
  { body: '{"Command":"x"}', message: `parse: ${REQUIRED}` },
  { body: '{"ARGV":["x"]}', message: `parse: ${REQUIRED}` },
  { body: '[]', message: 'parse: ' },
  { body: '"ls"', message: 'parse: ' },
  { body: '5', message: 'parse: ' },
  { body: '{"command":5}', message: 'parse: command: ' },
  { body: '{"argv":"ls"}', message: 'parse: argv: ' },
  { body: '{"argv":["ls",null]}', message: 'parse: argv.1: ' },
  { body: '{"argv":["ls",5]}', message: 'parse: argv.1: ' },
  { body: '{"command":"x","cwd":5}', message: 'parse: cwd: ' },
  { body: '{"command":"x","background":"true"}', message: 'parse: background: ' },
  { body: '{"command":"x","background":1}', message: 'parse: background: ' },
  { body: '{"command":"x","timeout":"5"}', message: 'parse: timeout: ' },
  { body: '{"command":"x","timeout":1.5}', message: 'parse: timeout: ' },
  { body: '{"command":"x","timeout":1e400}', message: 'parse: timeout: ' },
  { body: '{"command":"x","timeout":9223372036854775808}', message: 'parse: timeout: ' },
  { body: '{"command":"x","uid":-1}', message: 'parse: uid: ' },
  { body: '{"command":"x","uid":4294967296}', message: 'parse: uid: ' },
  { body: '{"command":"x","uid":0,"gid":-1}', message: 'parse: gid: ' },
  { body: '{"command":"x","uid":"root"}', message: 'parse: uid: ' },
  { body: '{"command":"x","envs":[]}', message: 'parse: envs: ' },
  { body: '{"command":"x","envs":{"A":5}}', message: 'parse: envs.A: ' },
  { body: '{"command":"x","envs":{"A":{}}}', message: 'parse: envs.A: ' },
  { body: '{"command":"x","TIMEOUT":"5"}', message: 'parse: timeout: ' },
  { body: '{"argv":[]}', message: 'validation: argv must start with a non-empty program name' },
  { body: '{"argv":[""]}', message: 'validation: argv must start with a non-empty program name' },
  { body: '{"argv":["","x"]}', message: 'validation: argv must start with a non-empty program name' },
  { body: '{"argv":["a\\u0000b"]}', message: 'validation: argv must not contain NUL' },
  { body: '{"argv":["a","\\u0000"]}', message: 'validation: argv must not contain NUL' },
  { body: '{"command":"x","gid":0}', message: 'validation: uid is required when gid is provided' },
  { body: '{"command":"x","gid":5,"uid":null}', message: 'validation: uid is required when gid is provided' },
  { body: '{"command":"x","timeout":-1}', message: 'validation: timeout must not be negative' },
])('contract A2.1: $body is refused: $message', async ({ body, message }) => {
  const refusal: unknown = await parse(body).catch((error: unknown) => error);
  expect(refusal).toMatchObject({ kind: 'invalid-argument', code: 'INVALID_REQUEST_BODY' });
  expect(refusal).toHaveProperty('message', expect.stringMatching(new RegExp(`^${message}`)));
});

test.each([
  { value: {}, query: { limit: 100 } },
  { value: { state: 'running', limit: '5' }, query: { state: 'running', limit: 5 } },
  { value: { limit: '10000' }, query: { limit: 10_000 } },
])('the list query $value reads as $query', ({ value, query }) => {
  expect(listQuery.parse(value)).toEqual(query);
});

test.each([{ state: 'starting' }, { limit: '0' }, { limit: '10001' }, { limit: 'x' }, { limit: '1.5' }])(
  'the list query %o is refused',
  (value) => {
    expect(listQuery.safeParse(value).success).toBe(false);
  },
);

test.each([
  { body: { signal: 'SIGTERM' }, request: { signal: 'SIGTERM', scope: 'group' } },
  { body: { signal: 'term' }, request: { signal: 'SIGTERM', scope: 'group' } },
  { body: { signal: 9, scope: 'tree' }, request: { signal: 'SIGKILL', scope: 'tree' } },
  { body: { signal: '15', scope: 'leader' }, request: { signal: 'SIGTERM', scope: 'leader' } },
  { body: { signal: 'SIGSTOP' }, request: { signal: 'SIGSTOP', scope: 'group' } },
])('the signal request $body reads as $request', ({ body, request }) => {
  expect(signalRequest.parse(body)).toEqual(request);
});

test.each([
  {},
  { signal: 'SIGNOPE' },
  { signal: '' },
  { signal: 0 },
  { signal: -9 },
  { signal: 999 },
  { signal: 1.5 },
  { signal: 'constructor' },
  { signal: 'TERM', scope: 'all' },
])('the signal request %o is refused', (body) => {
  expect(signalRequest.safeParse(body).success).toBe(false);
});

test('contract §3.4: a status has RFC 3339 times', () => {
  const status = {
    id: 'a',
    running: true,
    timed_out: false,
    output_bytes: { stdout: 0, stderr: 0 },
    truncated: false,
  };
  expect(commandStatus.safeParse({ ...status, started_at: '2026-01-02T03:04:05.678Z' }).success).toBe(true);
  expect(commandStatus.safeParse({ ...status, started_at: 'yesterday' }).success).toBe(false);
});
