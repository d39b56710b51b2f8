import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { encodeOpen } from '../../src/frames.ts';
import { abstractName } from '../support/listening.ts';
import { isAlive } from '../support/processes.ts';
import { RawDaemon } from '../support/raw-daemon.ts';
import { program, script } from '../support/requests.ts';
import { Serve } from '../support/serve.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { until } from '../support/until.ts';

describe('The daemon dies: who may be the next one', () => {
  test('not who has the wrong token or speaks another version', async () => {
    await using serve = await Serve.start({ listen: abstractName() });
    const running = await serve.start(script('echo secret; exec sleep 300'));
    await serve.abandon();
    const { token } = serve.process;
    const almost = Buffer.from(token);
    almost[31] = (almost[31] ?? 0) ^ 1;
    const otherVersion = encodeOpen(token);
    otherVersion.writeUInt32LE(2, 5);
    for (const open of [encodeOpen(almost), encodeOpen(Buffer.alloc(32)), otherVersion]) {
      await using daemon = await RawDaemon.connect(serve.listen);
      daemon.send(open);
      await daemon.isEnded();
      expect(daemon.told.filter(({ type }) => type !== 'hello')).toEqual([]);
    }
    expect(isAlive(running.pid)).toBe(true);
    const [output] = await serve.reconnect();
    await until(() => output?.text() === 'secret\n');
  });

  test('not a second one while one is connected; the first one notices nothing', async () => {
    await using serve = await Serve.start({ listen: abstractName() });
    const running = await serve.start(program(['/bin/cat'], { stdin: 'pipe' }));
    for (let attempt = 0; attempt < 5; attempt++) {
      await using daemon = await RawDaemon.connect(serve.listen);
      daemon.send(encodeOpen(serve.process.token));
      await daemon.isEnded();
      expect(daemon.told).toEqual([]);
    }
    await running.child.write(Buffer.from('undisturbed'));
    running.child.closeStdin();
    expect((await running.finish()).stdout).toBe('undisturbed');
  });

  test('who says nothing does not keep the right one out', async () => {
    await using serve = await Serve.start({ listen: abstractName() });
    const running = await serve.start(script('echo kept; exec sleep 300'));
    await serve.abandon();
    await using mute = await RawDaemon.connect(serve.listen);
    const [output] = await serve.reconnect();
    await until(() => output?.text() === 'kept\n');
    expect(isAlive(running.pid)).toBe(true);
    expect(mute.told).toEqual([]);
  });

  test('the token may come in pieces', async () => {
    await using serve = await Serve.startListening({ listen: abstractName() });
    await using daemon = await RawDaemon.connect(serve.listen);
    const open = encodeOpen(serve.process.token);
    for (const part of [open.subarray(0, 3), open.subarray(3, 20), open.subarray(20)]) {
      daemon.send(part);
      await new Promise(setImmediate);
    }
    expect(await daemon.hears('hello')).toMatchObject({ version: 1, pid: serve.pid, adopted: 0 });
  });

  test('a socket file serves as well as an abstract name', async () => {
    await using directory = await temporaryDirectory();
    await using serve = await Serve.start({ listen: join(directory.path, 'shim.sock') });
    const running = await serve.start(script('echo through a file; exec sleep 300'));
    await serve.abandon();
    const [output] = await serve.reconnect();
    await until(() => output?.text() === 'through a file\n');
    expect(serve.connection.adopted[0]?.pid).toBe(running.pid);
  });
});
