import { once } from 'node:events';
import type { Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { encodeOpen } from '../src/frames.ts';
import type { SpawnRequest } from '../src/frames.ts';
import type { ShimConnection } from '../src/shim-connection.ts';
import { compiledShim } from './support/compiled-shim.ts';
import { FuzzedServe } from './support/fuzzed-serve.ts';
import { SeededChoices, hostileSession } from './support/hostile-frames.ts';
import { isAlive } from './support/init-process.ts';

const SESSIONS = 1_000;
/** After so many sessions a daemon looks how the shim is. */
const SESSIONS_A_LOOK = 10;

test.each([
  { variant: 'address', seed: 1 },
  { variant: 'undefined', seed: 2 },
] as const)(
  'whatever is sent, the connection ends, the children go on and the next daemon is served: $variant',
  { timeout: 300_000 },
  async ({ variant, seed }) => {
    await using serve = await FuzzedServe.start(compiledShim(variant));
    const choices = new SeededChoices(seed);
    const witness = await startWitness(serve);
    for (let session = 1; session <= SESSIONS; session += 1) {
      await attack(serve, choices);
      if (session % SESSIONS_A_LOOK === 0) await checkHealth(serve, witness);
      expect(await serve.complaints(), `session ${session} of seed ${seed}`).toBe('');
    }
    expect(isAlive(witness)).toBe(true);
    expect(await serve.end()).toBe(0);
    expect(await serve.complaints()).toBe('');
  },
);

test('a farewell with bytes left over ends the connection and not the shim', async () => {
  await using serve = await FuzzedServe.start(compiledShim('address'));
  const socket = await serve.connect();
  const closed = once(socket, 'close');
  socket.resume();
  const [length, type, extra] = [[2, 0, 0, 0], 8, 0];
  socket.write(Buffer.concat([encodeOpen(serve.token), Buffer.from([...length, type, extra])]));
  await closed;
  expect(await serve.end()).toBe(0);
});

test('no new child gets the id of one that was adopted, which may still be heard of', async () => {
  await using serve = await FuzzedServe.start(compiledShim('address'));
  const first = await serve.open();
  const children = [1, 2, 3].map(() => first.spawn(request(['/bin/sleep', '600']), () => undefined));
  await Promise.all(children.map((child) => child.started));
  await first.abandon();
  const second = await serve.open();
  const adopted = second.adopted.map(({ child }) => child.id);
  expect(adopted).toHaveLength(3);
  for (const { child } of second.adopted) {
    await child.signal(9, 'leader');
    child.release();
  }
  expect(await outputOf(second, ['/bin/echo', 'well'])).toBe('well\n');
  const next = second.spawn(request(['/bin/true']), () => undefined);
  expect(adopted).not.toContain(next.id);
  await next.exited;
  await second.abandon();
  expect(await serve.end()).toBe(0);
});

/**
 * Sends one session in pieces of any size; the shim has to end it. Where it may be waiting for the rest of a frame, the end
 * of ours tells it that none comes.
 */
async function attack(serve: FuzzedServe, choices: SeededChoices): Promise<void> {
  const socket = await serve.connect();
  const closed = new Promise((resolve) => socket.once('close', resolve));
  // The shim may close while bytes are on their way.
  socket.on('error', () => undefined);
  socket.resume();
  const { frames, isFramed } = hostileSession(choices, serve.token);
  await sendInPieces(socket, cut(choices, Buffer.concat(frames)));
  if (!isFramed) socket.end();
  await closed;
}

async function sendInPieces(socket: Socket, pieces: readonly Buffer[]): Promise<void> {
  for (const piece of pieces) {
    if (socket.destroyed) return;
    socket.write(piece);
    await nextTurn();
  }
}

/** Decided before anything is sent, so that what the shim does has no influence on the sessions that follow. */
function cut(choices: SeededChoices, bytes: Buffer): Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    const size = choices.onceIn(3) ? 1 + choices.below(8) : 1 + choices.below(4_000);
    pieces.push(bytes.subarray(at, at + size));
    at += size;
  }
  return pieces;
}

const LABEL = Buffer.from('witness');

/** A child that runs from the first session to the last. */
async function startWitness(serve: FuzzedServe): Promise<number> {
  const connection = await serve.open();
  // An id that no session names.
  for (let spent = 0; spent < 1_000; spent += 1) connection.spawn(request(['/no/such']), () => undefined);
  const witness = connection.spawn({ ...request(['/bin/sleep', '600']), label: LABEL }, () => undefined);
  const pid = await witness.started;
  await connection.abandon();
  return pid;
}

/** The next daemon finds the witness as it was, can start something, and clears away what the sessions left. */
async function checkHealth(serve: FuzzedServe, witness: number): Promise<void> {
  const connection = await serve.open();
  const found = connection.adopted.filter(({ label }) => label.equals(LABEL));
  expect(found.map(({ pid }) => pid)).toEqual([witness]);
  for (const { child, label } of connection.adopted) {
    if (label.equals(LABEL)) continue;
    await child.signal(9, 'group');
    child.release();
  }
  expect(await outputOf(connection, ['/bin/echo', 'well'])).toBe('well\n');
  await connection.abandon();
}

async function outputOf(connection: ShimConnection, argv: readonly [string, ...string[]]): Promise<string> {
  let output = '';
  const child = connection.spawn(request(argv), (_, bytes) => {
    output += bytes.toString();
    return undefined;
  });
  expect(await child.exited).toMatchObject({ how: 'code', value: 0 });
  child.release();
  return output;
}

function request(argv: readonly [string, ...string[]]): SpawnRequest {
  return { file: argv[0], argv, environment: {}, stdin: 'null', mergeOutput: false };
}
