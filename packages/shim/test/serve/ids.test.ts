import { describe, expect, test } from 'vitest';
import {
  encodeCloseStdin,
  encodeCredit,
  encodeRelease,
  encodeSignal,
  encodeSpawn,
  encodeWrite,
} from '../../src/frames.ts';
import { abstractName } from '../support/listening.ts';
import { isAlive, statOf } from '../support/processes.ts';
import { program, script } from '../support/requests.ts';
import { Serve } from '../support/serve.ts';
import { until } from '../support/until.ts';

const TRUE = program(['/bin/true']);
const SLEEP = program(['/bin/sleep', '300'], { stdin: 'pipe' });

describe('id', () => {
  test('any number, many at the same time, each with its own replies', async () => {
    await using serve = await Serve.startListening({ listen: abstractName() });
    await using daemon = await serve.reconnectRaw();
    const ids = [0, 1, 0xffff_ffff, 0x8000_0000, 4242];
    daemon.send(...ids.map((id) => encodeSpawn(id, script(`echo ${id}`))));
    for (const id of ids) await daemon.hears('exited', id);
    expect(ids.map((id) => daemon.output(id).toString())).toEqual(ids.map((id) => `${id}\n`));
  });

  test('started tells the pid of the program, and hello that of the shim', async () => {
    await using serve = await Serve.startListening({ listen: abstractName() });
    await using daemon = await serve.reconnectRaw();
    expect(daemon.told).toEqual([{ type: 'hello', version: 1, pid: serve.pid, adopted: 0 }]);
    daemon.send(encodeSpawn(1, script('echo $$ $PPID')));
    const { pid } = await daemon.hears('started', 1);
    await daemon.hears('exited', 1);
    expect(daemon.output(1).toString()).toBe(`${pid} ${serve.pid}\n`);
  });

  test('started comes before everything else of a child, exited last', async () => {
    await using serve = await Serve.startListening({ listen: abstractName() });
    await using daemon = await serve.reconnectRaw();
    const ids = Array.from({ length: 50 }, (_, index) => index);
    daemon.send(...ids.map((id) => encodeSpawn(id, script('echo out; echo err >&2'))));
    for (const id of ids) await daemon.hears('exited', id);
    for (const id of ids) {
      const types = daemon.told.filter((told) => 'id' in told && told.id === id).map(({ type }) => type);
      expect(types.at(0)).toBe('started');
      expect(types.indexOf('exited')).toBe(types.length - 1);
      expect(types.filter((type) => type !== 'output')).toEqual(['started', 'exited']);
    }
  });

  test('is free again after failed', async () => {
    await using serve = await Serve.startListening({ listen: abstractName() });
    await using daemon = await serve.reconnectRaw();
    daemon.send(encodeSpawn(1, program(['/nowhere'])), encodeSpawn(1, script('echo second')));
    await daemon.hears('exited', 1);
    expect(daemon.told.map(({ type }) => type).filter((type) => type !== 'output')).toEqual([
      'hello',
      'failed',
      'started',
      'exited',
    ]);
  });

  test('is free again after release, also while the child of before still runs', async () => {
    await using serve = await Serve.startListening({ listen: abstractName() });
    await using daemon = await serve.reconnectRaw();
    daemon.send(encodeSpawn(1, script('echo first; sleep 0.2; echo late; exec sleep 300')));
    const { pid } = await daemon.hears('started', 1);
    await until(() => daemon.output(1).toString() === 'first\n');
    daemon.send(encodeRelease(1), encodeSpawn(1, script('sleep 0.4; echo second; exit 8')));
    expect(await daemon.hears('exited', 1)).toMatchObject({ exit: { how: 'code', value: 8 } });
    expect(daemon.output(1).toString()).toBe('first\nsecond\n');
    expect(isAlive(pid)).toBe(true);
    process.kill(pid, 'SIGKILL');
    daemon.send(encodeRelease(1), encodeSpawn(2, TRUE));
    await daemon.hears('exited', 2);
    expect(daemon.told.filter(({ type }) => type === 'exited')).toHaveLength(2);
  });

  test('nothing more is told of a released child, whoever has its id now', async () => {
    await using serve = await Serve.startListening({ listen: abstractName() });
    await using daemon = await serve.reconnectRaw();
    daemon.send(
      encodeSpawn(1, SLEEP),
      encodeWrite(1, Buffer.alloc(64 * 1024)),
      encodeWrite(1, Buffer.alloc(1000)),
    );
    const { pid } = await daemon.hears('started', 1);
    await daemon.hears('stdin', 1);
    daemon.send(encodeRelease(1), encodeSpawn(1, program(['/bin/cat'], { stdin: 'pipe' })));
    await until(() => daemon.told.filter(({ type }) => type === 'started').length === 2);
    process.kill(pid, 'SIGKILL');
    await until(() => statOf(pid) === undefined);
    daemon.send(encodeWrite(1, Buffer.from('for the new one')), encodeCloseStdin(1));
    await daemon.hears('exited', 1);
    const answers = daemon.told.slice(daemon.told.findLastIndex(({ type }) => type === 'started'));
    expect(answers.flatMap((told) => (told.type === 'stdin' ? [[told.delivered, told.closed]] : []))).toEqual(
      [
        [15, false],
        [0, true],
      ],
    );
    expect(daemon.output(1).toString()).toBe('for the new one');
  });

  test('in use: the connection ends, the child goes on', async () => {
    await using serve = await Serve.startListening({ listen: abstractName() });
    for (const end of ['running', 'ended'] as const) {
      await using daemon = await serve.reconnectRaw();
      daemon.send(encodeSpawn(end === 'running' ? 1 : 2, end === 'running' ? SLEEP : TRUE));
      const id = end === 'running' ? 1 : 2;
      const { pid } = await daemon.hears('started', id);
      if (end === 'ended') await daemon.hears('exited', id);
      daemon.send(encodeSpawn(id, TRUE));
      await daemon.isEnded();
      expect(isAlive(pid)).toBe(end === 'running');
    }
  });

  test('frames that name a child which is not in use are ignored', async () => {
    await using serve = await Serve.startListening({ listen: abstractName() });
    await using daemon = await serve.reconnectRaw();
    daemon.send(encodeSpawn(1, TRUE));
    await daemon.hears('exited', 1);
    daemon.send(encodeRelease(1));
    for (const id of [1, 7]) {
      daemon.send(
        encodeWrite(id, Buffer.from('late')),
        encodeCloseStdin(id),
        encodeSignal(id, 1, 15, 'leader'),
        encodeCredit(id, 10),
        encodeRelease(id),
      );
    }
    daemon.send(encodeSpawn(2, script('echo on')));
    await daemon.hears('exited', 2);
    expect(daemon.output(2).toString()).toBe('on\n');
    expect(daemon.ended).toBe(false);
  });

  test('frames that cross the end of a child which is not released are no fault', async () => {
    await using serve = await Serve.startListening({ listen: abstractName() });
    await using daemon = await serve.reconnectRaw();
    daemon.send(encodeSpawn(1, TRUE));
    await daemon.hears('exited', 1);
    daemon.send(encodeWrite(1, Buffer.from('late')), encodeCloseStdin(1), encodeCredit(1, 10));
    daemon.send(encodeSignal(1, 3, 15, 'leader'));
    expect(await daemon.hears('signaled', 1)).toMatchObject({ request: 3, reached: 0 });
    expect(daemon.ended).toBe(false);
  });
});
