import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { chmod } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { beforeEach, expect, test } from 'vitest';
import { FILE_WORKER_ARGUMENT, READY, orderArguments, readOrder } from '../../src/as-user/worker-command.ts';
import { PROBE_WORKER, rawRequest, startActingProcess, textOf, workersOf } from '../support/acting-server.ts';
import { BUILT_EXECD } from '../support/execd-process.ts';
import { isAlive } from '../support/processes.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { until } from '../support/until.ts';

const UID = 54_321;
const BUILT_WORKER = [process.execPath, BUILT_EXECD, FILE_WORKER_ARGUMENT];

beforeEach(({ skip }) => {
  skip(process.geteuid?.() !== 0, 'only root can act as somebody else');
});

interface StartedWorker extends AsyncDisposable {
  readonly child: ChildProcess;
  readonly socketPath: string;
  readonly firstLine: string;
  readonly ended: Promise<unknown[]>;
}

async function startWorker(
  program: readonly string[],
  groups: readonly number[] = [],
): Promise<StartedWorker> {
  const directory = await temporaryDirectory();
  const socketPath = `${directory.path}/1.sock`;
  const [file = '', ...args] = program;
  const order = orderArguments({ socketPath, identity: { uid: UID, gid: UID, groups } });
  const settings = JSON.stringify({ directories: [], watchedEntries: 0, watchedDirectories: 1 });
  const child = spawn(file, [...args, ...order, settings], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(child, 'close');
  const [firstLine] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  return {
    child,
    socketPath,
    firstLine,
    ended,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await ended;
      await directory[Symbol.asyncDispose]();
    },
  };
}

test('the workers of an execd that was killed end with it', async () => {
  await using server = await startActingProcess();
  await server.whoAmI(`uid=${UID}`);
  await server.whoAmI(`uid=${UID}&gid=7`);
  const pending = server.request('GET', `/never?uid=${UID}`);
  const failed = expect(pending).rejects.toThrow();
  const workers = workersOf(server.pid);
  expect(workers).toHaveLength(2);
  await server.kill();
  await failed;
  await until(() => !workers.some(isAlive));
});

test.each([
  ['its stdin closes', ({ child }: StartedWorker) => void child.stdin?.end()],
  ['SIGTERM comes', ({ child }: StartedWorker) => void child.kill('SIGTERM')],
])('a worker ends when %s', async (_name, ask) => {
  await using worker = await startWorker(PROBE_WORKER);
  expect(worker.firstLine).toBe(READY);
  ask(worker);
  expect(await worker.ended).toEqual([0, null]);
});

test('a worker that is asked to end finishes what it is doing', async () => {
  await using directory = await temporaryDirectory();
  await chmod(directory.path, 0o777);
  await using worker = await startWorker(PROBE_WORKER);
  const path = `${directory.path}/file`;
  const { request, answer } = rawRequest('http://worker', {
    socketPath: worker.socketPath,
    method: 'PUT',
    path: `/file?path=${path}`,
  });
  request.write('first, ');
  await until(() => existsSync(path) && readFileSync(path, 'utf8') === 'first, ');
  worker.child.kill('SIGTERM');
  request.end('last');
  expect(await textOf(await answer)).toBe(JSON.stringify({ written: path }));
  expect(readFileSync(path, 'utf8')).toBe('first, last');
  expect(await worker.ended).toEqual([0, null]);
});

test('the built execd is its own worker: it becomes the user and serves', async () => {
  await using worker = await startWorker(BUILT_WORKER, [7, 5]);
  expect(worker.firstLine).toBe(READY);
  const status = readFileSync(`/proc/${worker.child.pid}/status`, 'utf8');
  expect(status).toMatch(new RegExp(`^Uid:\\t${UID}\\t${UID}\\t${UID}\\t${UID}$`, 'm'));
  expect(status).toMatch(/^Groups:\t5 7 ?$/m);
  const { request, answer } = rawRequest('http://worker', { socketPath: worker.socketPath, path: '/ping' });
  request.end();
  // Only the routes for files are there.
  expect((await answer).statusCode).toBe(404);
  (await answer).resume();
});

test('a process that could become root again does not serve', async () => {
  // Root in name only: without the bit that drops capabilities with the uid, they would stay (capabilities(7)).
  const keeping = ['/usr/bin/setpriv', '--securebits', '+no_setuid_fixup', ...PROBE_WORKER];
  await using worker = await startWorker(keeping);
  expect(worker.firstLine).toBe('refused: a thread kept capabilities');
  expect(await worker.ended).toEqual([1, null]);
});

test('a process that may not change its groups does not serve', async () => {
  const without = ['/usr/bin/setpriv', '--bounding-set', '-setgid', ...PROBE_WORKER];
  await using worker = await startWorker(without);
  expect(worker.firstLine).toMatch(/^refused: setgroups failed: .*EPERM/);
});

test('an order is read as it was written', () => {
  const order = { socketPath: '/tmp/a b/1.sock', identity: { uid: 4_294_967_294, gid: 0, groups: [0, 7] } };
  expect(readOrder([...orderArguments(order), '{}', 'more'])).toEqual({
    order,
    rest: ['{}', 'more'],
  });
  const alone = { ...order, identity: { ...order.identity, groups: [] } };
  expect(readOrder(orderArguments(alone))).toEqual({ order: alone, rest: [] });
});

test.each([
  [[]],
  [['/s', '1', '2']],
  [['s', '1', '2', '3']],
  [['/s', 'root', '2', '3']],
  [['/s', '1', '2', '3,x']],
])('%j is no order', (args) => {
  expect(() => readOrder(args)).toThrow('a file worker needs');
});
