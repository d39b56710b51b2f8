import { chmod, chown, mkdir, readFile, readdir, stat, writeFile } from 'node:fs/promises';
import { openApiDocument } from '@pod-agent/daemon-kit/http/openapi';
import { empty } from '@pod-agent/daemon-kit/http/reply';
import { route } from '@pod-agent/daemon-kit/http/route';
import { beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import { actingAs } from '../../src/as-user/acting-routes.ts';
import type { UserWorkers } from '../../src/as-user/user-workers.ts';
import { groupsOf, homeOf, primaryGroup, userName } from '../../src/os/accounts.ts';
import {
  rawRequest,
  startActingProcess,
  startActingServer,
  textOf,
  workersOf,
} from '../support/acting-server.ts';
import type { WhoAmI } from '../support/probe-routes.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

/** `daemon` in every Linux image that has users. */
const DAEMON = 1;
const NOBODY = 65_534;
const STRANGER = 54_321;
const OWN = { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 };

beforeEach(({ skip }) => {
  skip(OWN.uid !== 0, 'only root can act as somebody else');
});

test.each([
  ['a known user has its primary group and all its groups', `uid=${DAEMON}`, DAEMON, primaryGroup(DAEMON)],
  ['a user that nobody knows has group 0', `uid=${STRANGER}`, STRANGER, 0],
  ['a gid is taken as it is', `uid=${DAEMON}&gid=77`, DAEMON, 77],
  ['a stranger may have a gid', `gid=4321&uid=${STRANGER}`, STRANGER, 4321],
  ['root with another group stays root', 'uid=0&gid=77', 0, 77],
  ['the names may be percent-encoded', `%75id=${STRANGER}&g%69d=5`, STRANGER, 5],
  ['ids go up to 2^32 - 2', 'uid=4294967294&gid=4294967294', 4_294_967_294, 4_294_967_294],
])('contract §3.1: %s', async (_name, query, uid, gid) => {
  await using server = await startActingServer();
  const who = await server.whoAmI(query);
  expect(who).toMatchObject({ uid, gid, effective: [uid, gid] });
  expect(who.pid).not.toBe(process.pid);
  // Node adds the effective group to the list of groups.
  expect(new Set(who.groups)).toEqual(new Set([...groupsOf(uid), gid]));
});

test.each(['', 'other=1', `uid=${OWN.uid}`, `uid=${OWN.uid}&gid=${OWN.gid}`])(
  'contract A2.2: %o is served by execd itself',
  async (query) => {
    await using server = await startActingServer();
    expect((await server.whoAmI(query)).pid).toBe(process.pid);
    expect(workersOf()).toEqual([]);
  },
);

test.each([
  ['gid=5', 'uid is required when gid is provided'],
  ['uid=', "invalid query parameter 'uid': a whole number from 0 to 4294967294 is needed"],
  ['uid=root', "'uid'"],
  ['uid=-1', "'uid'"],
  ['uid=+1', "'uid'"],
  ['uid=1.0', "'uid'"],
  ['uid=1e3', "'uid'"],
  ['uid=0x10', "'uid'"],
  ['uid=%201', "'uid'"],
  ['uid=4294967295', "'uid'"],
  ['uid=4294967296', "'uid'"],
  ['uid=99999999999999999999', "'uid'"],
  ['uid=1&gid=4294967295', "'gid'"],
  ['uid=1&gid=', "'gid'"],
  ['uid=1&uid=1', "query parameter 'uid' is given more than once"],
  ['uid=1&gid=1&gid=0', "query parameter 'gid' is given more than once"],
])('%s is a 400', async (query, message) => {
  await using server = await startActingServer();
  const response = await server.request('GET', `/whoami?${query}`);
  expect(response.status).toBe(400);
  expect(await response.json()).toEqual({
    code: 'INVALID_REQUEST_BODY',
    message: expect.stringContaining(message),
  });
  expect(workersOf()).toEqual([]);
});

test('files belong to the user, and a file of root is not readable', async () => {
  await using directory = await temporaryDirectory();
  await using server = await startActingServer();
  await chmod(directory.path, 0o755);
  const secret = `${directory.path}/secret`;
  await writeFile(secret, 'of root', { mode: 0o600 });
  const home = `${directory.path}/home`;
  await mkdir(home);
  await chown(home, NOBODY, 77);
  const as = (path: string, gid: number) => `/file?uid=${NOBODY}&gid=${gid}&path=${encodeURIComponent(path)}`;

  const written = await server.request('PUT', as(`${home}/new`, 77), { body: 'mine' });
  expect(written.status).toBe(200);
  expect(await stat(`${home}/new`)).toMatchObject({ uid: NOBODY, gid: 77 });
  const denied = await server.request('GET', as(secret, 77));
  expect(denied.status).toBe(403);
  expect(await denied.json()).toMatchObject({ code: 'PERMISSION_DENIED' });
  const elsewhere = await server.request('PUT', as(`${directory.path}/new`, 77), { body: 'no' });
  expect(elsewhere.status).toBe(403);
  await chown(secret, 0, 88);
  await chmod(secret, 0o640);
  expect((await server.request('GET', as(secret, 77))).status).toBe(403);
  expect(await (await server.request('GET', as(secret, 88))).json()).toEqual({ text: 'of root' });
});

test('what execd may do says nothing: each of many requests at once is done by its own user', async () => {
  await using directory = await temporaryDirectory();
  await using server = await startActingServer();
  await chmod(directory.path, 0o777);
  const uids = [DAEMON, NOBODY, STRANGER, OWN.uid];
  const jobs = Array.from({ length: 40 }, (_, index) => ({ index, uid: uids[index % 4] }));
  await Promise.all(
    jobs.map(({ index, uid }) =>
      server
        .request('PUT', `/file?uid=${uid}&path=${directory.path}/${index}`, { body: 'x'.repeat(100_000) })
        .then((response) => expect(response.status).toBe(200)),
    ),
  );
  const owners = await Promise.all(
    jobs.map(async ({ index }) => (await stat(`${directory.path}/${index}`)).uid),
  );
  expect(owners).toEqual(jobs.map(({ uid }) => uid));
  expect(await readdir(directory.path)).toHaveLength(40);
});

test('the worker has the home and the name of its user, none of the secrets, and no way to io_uring', async () => {
  const environment = {
    ...process.env,
    HOME: '/root',
    USER: 'root',
    EXECD_ACCESS_TOKEN: 'at-secret',
    JUPYTER_TOKEN: 'jt-secret',
    UV_USE_IO_URING: '1',
    KEPT: 'yes',
  };
  await using server = await startActingServer({ environment, settings: ['{"root":"/data"}'] });
  const who = await server.whoAmI(`uid=${DAEMON}`);
  const name = userName(DAEMON);
  expect(who.environment).toMatchObject({ HOME: homeOf(DAEMON), USER: name, LOGNAME: name, KEPT: 'yes' });
  expect(who.environment).toMatchObject({ UV_USE_IO_URING: '0' });
  expect(JSON.stringify(who.environment)).not.toMatch(/at-secret|jt-secret/);
  expect(who.arguments.at(-1)).toBe('{"root":"/data"}');
  const stranger = await server.whoAmI(`uid=${STRANGER}`);
  expect(stranger.environment).toMatchObject({ HOME: '/root', USER: 'root' });
});

test('no thread of a worker keeps an identity, a group or a capability of root', async () => {
  await using server = await startActingServer();
  const { pid } = await server.whoAmI(`uid=${STRANGER}&gid=77`);
  const threads = await readdir(`/proc/${pid}/task`);
  expect(threads.length).toBeGreaterThan(4);
  for (const thread of threads) {
    const status = await readFile(`/proc/${pid}/task/${thread}/status`, 'utf8');
    const field = (name: string) => new RegExp(`^${name}:[\\t ]*(.*?)[\\t ]*$`, 'm').exec(status)?.[1];
    expect(field('Uid')).toBe(`${STRANGER}\t${STRANGER}\t${STRANGER}\t${STRANGER}`);
    expect(field('Gid')).toBe('77\t77\t77\t77');
    expect(field('Groups')).toBe('');
    for (const set of ['CapPrm', 'CapEff', 'CapAmb']) expect(field(set)).toMatch(/^0+$/);
  }
});

test('an execd that is not root refuses other identities with 403, and serves its own', async () => {
  await using server = await startActingProcess(NOBODY);
  for (const query of [`uid=${STRANGER}`, `uid=${NOBODY}&gid=77`, 'uid=0']) {
    const response = await server.request('GET', `/whoami?${query}`);
    expect(response.status).toBe(403);
    const { code, message } = (await response.json()) as { code: string; message: string };
    expect(code).toBe('PERMISSION_DENIED');
    expect(message).toContain(`execd runs as uid ${NOBODY} gid ${NOBODY} and cannot act as uid `);
    expect(message).toContain('CAP_SETGID');
  }
  expect(await server.whoAmI(`uid=${NOBODY}&gid=${NOBODY}`)).toMatchObject({ pid: server.pid, uid: NOBODY });
  expect(workersOf(server.pid)).toEqual([]);
});

test('a URL in absolute form reaches the same route, with its query as it was sent', async () => {
  await using server = await startActingServer();
  const query = `uid=${STRANGER}&a=%2F+b&uid2=0`;
  const { request, answer } = rawRequest(server.url, { path: `http://somewhere/whoami?${query}` });
  request.end();
  const who = JSON.parse(await textOf(await answer)) as WhoAmI;
  expect(who).toMatchObject({ uid: STRANGER, url: `/whoami?${query}` });
});

test('the routes are described with uid and gid beside their own parameters', () => {
  const described = { method: 'GET', tag: 'T', summary: 'S', hot: true, handle: () => empty } as const;
  const routes = [
    route({ ...described, path: '/none', responses: { 200: { description: 'ok' } } }),
    route({
      ...described,
      path: '/some',
      query: z.object({ path: z.string() }).refine(() => true),
      responses: { 403: { description: 'mine' } },
    }),
  ];
  const acting = actingAs({} as UserWorkers, routes);
  expect(acting.map(({ path, hot, summary }) => ({ path, hot, summary }))).toEqual([
    { path: '/none', hot: true, summary: 'S' },
    { path: '/some', hot: true, summary: 'S' },
  ]);
  const { paths } = openApiDocument({ title: '', version: '', description: '' }, acting) as {
    paths: Record<string, { get: { parameters: unknown[]; responses: Record<string, unknown> } }>;
  };
  const id = { type: 'integer', minimum: 0, maximum: 4_294_967_294 };
  const identity = ['uid', 'gid'].map((name) =>
    expect.objectContaining({ name, in: 'query', required: false, schema: id }),
  );
  expect(paths['/none']?.get.parameters).toEqual(identity);
  expect(paths['/some']?.get.parameters).toEqual([expect.objectContaining({ name: 'path' }), ...identity]);
  expect(paths['/some']?.get.responses['403']).toEqual({ description: 'mine' });
  expect(Object.keys(paths['/none']?.get.responses ?? {})).toEqual(['200', '400', '403', '503']);
});

test('a route whose path has parameters, or whose query is no object, cannot be served like this', () => {
  const described = { method: 'GET', tag: 'T', summary: 'S', responses: {}, handle: () => empty } as const;
  const withParameter = route({ ...described, path: '/files/:id' });
  expect(() => actingAs({} as UserWorkers, [withParameter])).toThrow('/files/:id');
  const withUnion = route({ ...described, path: '/x', query: z.union([z.object({}), z.string()]) });
  expect(() => actingAs({} as UserWorkers, [withUnion])).toThrow('/x');
});
