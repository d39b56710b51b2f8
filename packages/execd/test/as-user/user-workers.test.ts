import { existsSync } from 'node:fs';
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { silentLogger } from '@pod-agent/daemon-kit/log';
import { ServiceError } from '@pod-agent/daemon-kit/service-error';
import { beforeEach, expect, test } from 'vitest';
import { UserWorkers } from '../../src/as-user/user-workers.ts';
import type { UserWorkersOptions } from '../../src/as-user/user-workers.ts';
import { PROBE_WORKER, startActingServer, workersOf } from '../support/acting-server.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { until } from '../support/until.ts';

const forever = new AbortController().signal;

beforeEach(({ skip }) => {
  skip(process.geteuid?.() !== 0, 'only root can act as somebody else');
});

function userWorkers(options: Partial<UserWorkersOptions> = {}): UserWorkers {
  return new UserWorkers({
    program: PROBE_WORKER,
    environment: process.env,
    directories: ['/tmp'],
    log: silentLogger,
    ...options,
  });
}

function person(number: number): { uid: number; gid: number } {
  return { uid: 50_000 + number, gid: 50_000 };
}

test('requests that come at once start one worker, which serves them all and those that follow', async () => {
  await using server = await startActingServer();
  const first = await Promise.all(Array.from({ length: 8 }, () => server.whoAmI('uid=54321')));
  const later = await server.whoAmI('uid=54321');
  expect(new Set([...first, later].map(({ pid }) => pid)).size).toBe(1);
  expect(workersOf()).toEqual([later.pid]);
});

test('each pair of uid and gid has a worker of its own', async () => {
  await using server = await startActingServer();
  const pids = await Promise.all(
    ['uid=54321', 'uid=54321&gid=7', 'uid=54322', 'uid=54321&gid=0'].map(
      async (query) => (await server.whoAmI(query)).pid,
    ),
  );
  // The last is the first: 0 is the group of a stranger.
  expect(pids[3]).toBe(pids[0]);
  expect(new Set(pids).size).toBe(3);
});

test('a worker without requests is ended, and its socket removed', async () => {
  await using place = await temporaryDirectory();
  await using workers = userWorkers({ directories: [place.path], limits: { idleMs: 1 } });
  const lease = await workers.borrow(person(1), forever);
  const { socketPath } = lease.worker;
  expect(existsSync(socketPath)).toBe(true);
  expect(workersOf()).toHaveLength(1);
  lease[Symbol.dispose]();
  await until(() => workersOf().length === 0 && !existsSync(socketPath));
});

test('a worker with a request is not idle', async () => {
  await using workers = userWorkers({ limits: { idleMs: 1 } });
  const one = await workers.borrow(person(1), forever);
  const other = await workers.borrow(person(1), forever);
  expect(other.worker).toBe(one.worker);
  one[Symbol.dispose]();
  one[Symbol.dispose]();
  // Long enough for a worker to come and go.
  using _next = await workers.borrow(person(2), forever);
  expect(workersOf()).toHaveLength(2);
  other[Symbol.dispose]();
  await until(() => workersOf().length === 1);
});

test('a fifth identity takes the place of the one that is idle longest', async () => {
  await using workers = userWorkers();
  const pids: number[] = [];
  for (const number of [1, 2, 3, 4]) {
    using _lease = await workers.borrow(person(number), forever);
    pids.push(...workersOf().filter((pid) => !pids.includes(pid)));
  }
  // Used again: now the second is the one.
  (await workers.borrow(person(1), forever))[Symbol.dispose]();
  using _fifth = await workers.borrow(person(5), forever);
  const alive = workersOf();
  expect(alive).toHaveLength(4);
  expect(pids.filter((pid) => !alive.includes(pid))).toEqual([pids[1]]);
});

test('when all are busy a request waits for the first that becomes idle, others of their users do not', async () => {
  await using workers = userWorkers({ limits: { workers: 2 } });
  using _one = await workers.borrow(person(1), forever);
  const two = await workers.borrow(person(2), forever);
  const order: string[] = [];
  const waiting = [3, 3, 4].map(async (number) => {
    const lease = await workers.borrow(person(number), forever);
    order.push(`person ${number}`);
    return lease;
  });
  (await workers.borrow(person(1), forever))[Symbol.dispose]();
  expect(order).toEqual([]);
  order.push('two goes');
  two[Symbol.dispose]();
  for (const lease of await Promise.all(waiting.slice(0, 2))) lease[Symbol.dispose]();
  (await waiting[2])?.[Symbol.dispose]();
  expect(order).toEqual(['two goes', 'person 3', 'person 3', 'person 4']);
  expect(workersOf()).toHaveLength(2);
});

test('a request waits only so long, and only so many wait', async () => {
  await using workers = userWorkers({ limits: { workers: 1, waiting: 2, waitMs: 100 } });
  using _one = await workers.borrow(person(1), forever);
  const outcomes = await Promise.allSettled(
    [2, 3, 4].map((number) => workers.borrow(person(number), forever)),
  );
  const errors = outcomes.map((outcome) => (outcome.status === 'rejected' ? outcome.reason : undefined));
  for (const error of errors) {
    expect(error).toBeInstanceOf(ServiceError);
    expect(error).toMatchObject({ kind: 'unavailable', code: 'SERVICE_UNAVAILABLE' });
  }
  expect(errors.map(String)).toEqual([
    expect.stringContaining('all 1 file workers are busy for other users'),
    expect.stringContaining('all 1 file workers are busy for other users'),
    expect.stringContaining('too many requests wait'),
  ]);
});

test('who leaves while waiting makes room for the next', async () => {
  await using workers = userWorkers({ limits: { workers: 1, waiting: 1 } });
  const one = await workers.borrow(person(1), forever);
  const leaving = new AbortController();
  const gone = workers.borrow(person(2), leaving.signal);
  await Promise.resolve();
  setImmediate(() => leaving.abort(new Error('left')));
  await expect(gone).rejects.toThrow('left');
  const next = workers.borrow(person(3), forever);
  one[Symbol.dispose]();
  (await next)[Symbol.dispose]();
});

test('disposing ends all of them, busy or not, and refuses who waits and who comes', async () => {
  await using place = await temporaryDirectory();
  const workers = userWorkers({ directories: [place.path], limits: { workers: 2 } });
  using _busy = await workers.borrow(person(1), forever);
  (await workers.borrow(person(2), forever))[Symbol.dispose]();
  using _again = await workers.borrow(person(2), forever);
  const waiting = workers.borrow(person(3), forever);
  const refused = expect(waiting).rejects.toThrow('execd is ending');
  await new Promise((resolve) => {
    setImmediate(resolve);
  });
  await workers[Symbol.asyncDispose]();
  await refused;
  expect(workersOf()).toEqual([]);
  await expect(workers.borrow(person(1), forever)).rejects.toThrow('execd is ending');
  expect(await readdir(place.path)).toEqual([]);
});

test('disposing while a worker starts ends that one too', async () => {
  const workers = userWorkers();
  const starting = workers.borrow(person(1), forever);
  const failed = expect(starting).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE' });
  await until(() => workersOf().length === 1);
  await workers[Symbol.asyncDispose]();
  await failed;
  expect(workersOf()).toEqual([]);
});

test('nobody but execd can reach a worker', async () => {
  await using workers = userWorkers();
  using lease = await workers.borrow(person(1), forever);
  const directory = await stat(lease.worker.socketPath.replace(/\/[^/]*$/, ''));
  expect(directory.mode & 0o777).toBe(0o700);
  expect(directory.uid).toBe(process.geteuid?.());
});

test('a worker whose socket was removed is replaced, and what it was doing goes on', async () => {
  await using place = await temporaryDirectory();
  await using server = await startActingServer({ directories: [place.path] });
  const response = await server.request('GET', '/zeros?uid=54321');
  const reader = response.body?.getReader();
  await reader?.read();
  const [old] = workersOf();
  const [directory = ''] = await readdir(place.path);
  await rm(`${place.path}/${directory}`, { recursive: true });
  const answers = await Promise.all([1, 2].map(() => server.whoAmI('uid=54321')));
  for (const { pid } of answers) expect(pid).not.toBe(old);
  expect((await reader?.read())?.done).toBe(false);
  await reader?.cancel();
  await until(() => !workersOf().includes(old ?? 0));
});

test.each([
  ['does not exist', ['/no/such/program'], 'ENOENT'],
  ['ends at once', ['/bin/sh', '-c', 'echo its last words >&2; exit 7'], 'exit code 7'],
  ['says something else', ['/bin/sh', '-c', 'echo hello; read line'], 'said hello'],
])('a program that %s is a 503 that says so, each time', async (_name, program, reason) => {
  await using workers = userWorkers({ program });
  for (let round = 0; round < 2; round += 1) {
    const failure = workers.borrow(person(1), forever);
    await expect(failure).rejects.toMatchObject({ kind: 'unavailable', code: 'SERVICE_UNAVAILABLE' });
    await expect(failure).rejects.toThrow(reason);
  }
});

test('a user that the system refuses is a 403 with the step that failed', async () => {
  // As in a user namespace that does not map the id.
  const program = ['/bin/sh', '-c', 'echo "refused: setuid failed: EINVAL, invalid argument"; read line'];
  await using workers = userWorkers({ program });
  const failure = workers.borrow(person(1), forever);
  await expect(failure).rejects.toMatchObject({ kind: 'permission-denied', code: 'PERMISSION_DENIED' });
  await expect(failure).rejects.toThrow(
    'execd runs as uid 0 gid 0 and cannot act as uid 50001 gid 50000: setuid failed: EINVAL',
  );
});

test('a directory whose path is too long for a socket is passed over; with no other it is a 503', async () => {
  await using place = await temporaryDirectory();
  const long = `${place.path}/${'x'.repeat(60)}`;
  await mkdir(long);
  await using fallingBack = userWorkers({ directories: [long, place.path] });
  using lease = await fallingBack.borrow(person(1), forever);
  expect(lease.worker.socketPath.startsWith(`${place.path}/opensandbox`)).toBe(true);
  await using without = userWorkers({ directories: [long] });
  await expect(without.borrow(person(1), forever)).rejects.toThrow('too long for a socket');
  await using unwritable = userWorkers({ directories: ['/dev/null/nowhere'] });
  await expect(unwritable.borrow(person(1), forever)).rejects.toMatchObject({ kind: 'unavailable' });
});
