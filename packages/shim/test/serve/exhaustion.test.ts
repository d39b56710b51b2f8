import { randomInt } from 'node:crypto';
import { constants } from 'node:os';
import { beforeEach, describe, expect, test } from 'vitest';
import { SpawnFailedError } from '../../src/shim-child.ts';
import { openDescriptors } from '../support/processes.ts';
import { program, script } from '../support/requests.ts';
import type { RunningChild } from '../support/running-child.ts';
import { Serve } from '../support/serve.ts';
import { publicShimProgram } from '../support/shim-program.ts';
import { until } from '../support/until.ts';

const { errno } = constants;
const PRLIMIT = '/usr/bin/prlimit';
const CAT = program(['/bin/cat'], { stdin: 'pipe' });

beforeEach(({ skip }) => {
  skip(process.geteuid?.() !== 0, 'only root can become a user who has no other processes');
});

describe('What the shim has too little of', () => {
  test('descriptors: step pipe, and the others go on', async () => {
    await using serve = await Serve.start({ through: [PRLIMIT, '--nofile=40'] });
    const before = openDescriptors(serve.pid);
    const { running, error } = await spawnUntilRefused(serve);
    expect(error).toMatchObject({ step: 'pipe', errno: errno.EMFILE });
    expect(running.length).toBeGreaterThan(3);
    await serve
      .start(CAT)
      .catch((again: unknown) => expect(again).toMatchObject({ step: 'pipe', errno: errno.EMFILE }));
    await expectEcho(running);
    const [first] = running;
    first?.child.closeStdin();
    await first?.finish();
    expect((await serve.run(script('echo room'))).stdout).toBe('room\n');
    for (const { child } of running.slice(1)) child.closeStdin();
    for (const child of running.slice(1)) await child.finish();
    await until(() => openDescriptors(serve.pid) === before);
  });

  test('descriptors, with a hundred requests at the same time: each is answered', async () => {
    await using serve = await Serve.start({ through: [PRLIMIT, '--nofile=40'] });
    const outcomes = await Promise.all(
      Array.from({ length: 100 }, () =>
        serve.run(script('echo done; exit 5')).catch((error: unknown) => error),
      ),
    );
    const failed = outcomes.filter((outcome) => outcome instanceof SpawnFailedError);
    const done = outcomes.filter((outcome) => !(outcome instanceof SpawnFailedError));
    for (const error of failed) expect(error).toMatchObject({ step: 'pipe', errno: errno.EMFILE });
    for (const outcome of done) expect(outcome).toMatchObject({ stdout: 'done\n', exit: { value: 5 } });
    expect(done.length).toBeGreaterThan(3);
    expect((await serve.run(script('echo room'))).stdout).toBe('room\n');
  });

  test('processes: step fork, and the others go on', async () => {
    await using shim = await publicShimProgram();
    const uid = 100_000 + randomInt(1_000_000_000);
    const identity = { uid, gid: uid };
    await using serve = await Serve.start({ program: shim.path, identity, through: [PRLIMIT, '--nproc=6'] });
    const before = openDescriptors(serve.pid);
    const { running, error } = await spawnUntilRefused(serve);
    expect(error).toMatchObject({ step: 'fork', errno: errno.EAGAIN });
    expect(running).toHaveLength(5);
    await expectEcho(running);
    running[0]?.child.closeStdin();
    await running[0]?.finish();
    expect((await serve.run(program(['/bin/echo', 'room']))).stdout).toBe('room\n');
    for (const { child } of running.slice(1)) child.closeStdin();
    for (const child of running.slice(1)) await child.finish();
    await until(() => openDescriptors(serve.pid) === before);
  });
});

/** Starts children until the shim cannot; gives them and the error. */
async function spawnUntilRefused(serve: Serve): Promise<{ running: RunningChild[]; error: unknown }> {
  const running: RunningChild[] = [];
  for (let count = 0; count < 100; count++) {
    try {
      running.push(await serve.start(CAT));
    } catch (error) {
      return { running, error };
    }
  }
  throw new Error('the shim started everything');
}

async function expectEcho(running: readonly RunningChild[]): Promise<void> {
  for (const child of running) {
    await child.child.write(Buffer.from('still here\n'));
    expect(await child.printed(1)).toEqual(['still here']);
  }
}
