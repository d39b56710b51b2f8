import { describe, expect, test } from 'vitest';
import { encodeCredit, encodeRelease, encodeSpawn } from '../../src/frames.ts';
import { abstractName } from '../support/listening.ts';
import { PatternCheck, patternRequest } from '../support/pattern.ts';
import { isAlive, procFile, statOf, statusNumber } from '../support/processes.ts';
import { program, script } from '../support/requests.ts';
import type { RunningChild } from '../support/running-child.ts';
import { Serve } from '../support/serve.ts';
import { isSanitized } from '../support/shim-program.ts';
import { until } from '../support/until.ts';

const KIB = 1024;
const MIB = KIB * KIB;
/** More than could be kept by mistake; sanitizers are slow. */
const LARGE_BYTES = isSanitized() ? 128 * MIB : KIB * MIB;
/** How far the shim reads ahead of its daemon, and how little must be open for it to read on. */
const AHEAD_BYTES = 512 * KIB;
const LOW_BYTES = 128 * KIB;
/** What a shim with a few children may weigh, KiB; sanitizers keep a shadow of the memory. */
const RESIDENT_KIB = isSanitized() ? 96 * KIB : 8 * KIB;

describe('Credit', () => {
  test('the shim reads 512 KiB ahead at the most, and the child waits', async () => {
    await using serve = await Serve.startListening({ listen: abstractName() });
    await using daemon = await serve.reconnectRaw();
    daemon.send(encodeSpawn(1, patternRequest(4 * MIB)));
    const { pid } = await daemon.hears('started', 1);
    await isStuck(pid, () => daemon.output(1).length);
    const ahead = daemon.output(1).length;
    expect(ahead).toBeLessThanOrEqual(AHEAD_BYTES);
    expect(ahead).toBeGreaterThan(AHEAD_BYTES - 64 * KIB);
    // A credit that leaves less than the low mark open lets it read on.
    daemon.send(encodeCredit(1, ahead - LOW_BYTES + 1));
    await until(() => daemon.output(1).length > ahead);
    await isStuck(pid, () => daemon.output(1).length);
    expect(daemon.output(1).length - (ahead - LOW_BYTES + 1)).toBeLessThanOrEqual(AHEAD_BYTES);
    let given = ahead - LOW_BYTES + 1;
    while (!daemon.told.some(({ type }) => type === 'exited')) {
      const came = daemon.output(1).length;
      expect(came - given).toBeLessThanOrEqual(AHEAD_BYTES);
      if (came > given) daemon.send(encodeCredit(1, came - given));
      given = came;
      await until(() => daemon.output(1).length > came || daemon.told.some(({ type }) => type === 'exited'));
    }
    const check = new PatternCheck();
    check.take(daemon.output(1));
    expect(check).toMatchObject({ isRight: true, bytes: 4 * MIB });
  });

  test('both streams of a child share its credit', async () => {
    await using serve = await Serve.startListening({ listen: abstractName() });
    await using daemon = await serve.reconnectRaw();
    daemon.send(encodeSpawn(1, script('yes out & yes err >&2 & wait')));
    const { pid } = await daemon.hears('started', 1);
    await until(() => daemon.output(1).length > AHEAD_BYTES - 64 * KIB);
    await isStuck(pid, () => daemon.output(1).length);
    expect(daemon.output(1).length).toBeLessThanOrEqual(AHEAD_BYTES);
    daemon.send(encodeRelease(1));
  });

  test('output that waits for credit is there when the leader ends: it comes, and the end behind it', async () => {
    await using serve = await Serve.startListening({ listen: abstractName() });
    await using daemon = await serve.reconnectRaw();
    daemon.send(encodeSpawn(1, script(`head -c ${AHEAD_BYTES + 60 * KIB} /dev/zero & wait; exit 3`)));
    const { pid } = await daemon.hears('started', 1);
    await until(() => daemon.output(1).length > AHEAD_BYTES - 64 * KIB);
    await until(() => !isAlive(pid));
    expect(daemon.output(1).length).toBeLessThanOrEqual(AHEAD_BYTES);
    daemon.send(encodeCredit(1, daemon.output(1).length));
    expect(await daemon.hears('exited', 1)).toMatchObject({ exit: { how: 'code', value: 3 } });
    expect(daemon.output(1).length).toBe(AHEAD_BYTES + 60 * KIB);
    expect(daemon.told.at(-1)?.type).toBe('exited');
  });

  test('credit that was never owed, and for nobody, does no harm', async () => {
    await using serve = await Serve.startListening({ listen: abstractName() });
    await using daemon = await serve.reconnectRaw();
    daemon.send(encodeCredit(9, 1000), encodeSpawn(1, patternRequest(4 * MIB)));
    daemon.send(encodeCredit(1, 0xffff_ffff), encodeCredit(1, 0xffff_ffff), encodeCredit(1, 0));
    const { pid } = await daemon.hears('started', 1);
    await isStuck(pid, () => daemon.output(1).length);
    expect(daemon.output(1).length).toBeLessThanOrEqual(AHEAD_BYTES);
    expect(daemon.ended).toBe(false);
    daemon.send(encodeRelease(1));
    await until(() => statOf(pid) === undefined);
  });

  test(`${LARGE_BYTES / MIB} MiB with a reader that stalls: nothing is lost, a neighbour lives on, memory is bounded`, async () => {
    await using serve = await Serve.start();
    const check = new PatternCheck();
    const gate = Promise.withResolvers<void>();
    let isOpen = false;
    const large = await serve.start(patternRequest(LARGE_BYTES), (_stream, bytes) => {
      check.take(bytes);
      return isOpen ? undefined : gate.promise;
    });
    await isStuck(large.pid, () => check.bytes);
    expect(check.bytes).toBeLessThanOrEqual(AHEAD_BYTES);
    const neighbour = await serve.start(program(['/bin/cat'], { stdin: 'pipe' }));
    await converse(neighbour, 100);
    expect(check.bytes).toBeLessThanOrEqual(AHEAD_BYTES);
    expect(statusNumber(serve.pid, 'VmRSS')).toBeLessThan(RESIDENT_KIB);
    isOpen = true;
    gate.resolve();
    await converse(neighbour, 100);
    const exit = await large.child.exited;
    expect(exit).toMatchObject({ how: 'code', value: 0 });
    expect(check).toMatchObject({ isRight: true, bytes: LARGE_BYTES });
    expect(statusNumber(serve.pid, 'VmHWM')).toBeLessThan(RESIDENT_KIB);
  }, 60_000);

  test('a daemon that does not read its socket at all costs no more memory than the credits', async () => {
    await using serve = await Serve.startListening({ listen: abstractName() });
    await using daemon = await serve.reconnectRaw();
    daemon.socket.pause();
    const ids = Array.from({ length: 8 }, (_, index) => index + 1);
    daemon.send(...ids.map((id) => encodeSpawn(id, program(['/usr/bin/yes']))));
    await until(() => statusNumber(serve.pid, 'VmRSS') > 0 && childrenAreStuck(serve.pid, 8));
    // Of each child what is kept for the next daemon, and what is on its way to this one.
    expect(statusNumber(serve.pid, 'VmHWM')).toBeLessThan(RESIDENT_KIB + 8 * 2 * KIB);
    daemon.socket.resume();
    await until(() => ids.every((id) => daemon.output(id).length > AHEAD_BYTES - 64 * KIB));
    for (const id of ids) expect(daemon.output(id).length).toBeLessThanOrEqual(AHEAD_BYTES);
    await serve.killChildren();
    daemon.send(...ids.map((id) => encodeCredit(id, AHEAD_BYTES)));
    for (const id of ids)
      expect(await daemon.hears('exited', id)).toMatchObject({ exit: { how: 'signal', value: 9 } });
    daemon.send(...ids.map((id) => encodeRelease(id)));
  });
});

/** Waits until a process waits for its pipe and nothing has come for a while. */
async function isStuck(pid: number, came: () => number): Promise<void> {
  let last = -1;
  let still = 0;
  await until(() => {
    const now = came();
    still = now === last && statOf(pid)?.state !== 'R' ? still + 1 : 0;
    last = now;
    return still > 50;
  });
}

/** Whether so many processes below the shim have written what they can. */
function childrenAreStuck(shim: number, count: number): boolean {
  const children = procFile(shim, `task/${shim}/children`).split(' ').map(Number).filter(Boolean);
  return children.length === count && children.every((pid) => procFile(pid, 'wchan').includes('pipe_write'));
}

/** Lines there and back, one after the other. */
async function converse(neighbour: RunningChild, rounds: number): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    const line = `round ${round} ${crypto.randomUUID()}\n`;
    await neighbour.child.write(Buffer.from(line));
    await until(() => neighbour.output.text().endsWith(line));
  }
}
