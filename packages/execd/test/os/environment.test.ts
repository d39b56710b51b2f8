import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { silentLogger } from '@pod-agent/daemon-kit/log';
import { expect, test } from 'vitest';
import { BaseEnvironment } from '../../src/os/environment.ts';
import { recordingLogger } from '../support/recording-logger.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

test('contract §19: commands do not see the secrets of the daemon', () => {
  const own = {
    PATH: '/bin',
    EXECD_ACCESS_TOKEN: 'x',
    JUPYTER_TOKEN: 'y',
    EXECD_HOST: 'h',
    NOTHING: undefined,
  };
  expect(new BaseEnvironment(own, silentLogger).current()).toEqual({ PATH: '/bin', EXECD_HOST: 'h' });
});

test('contract §13.3: the file beats the own variables, and its path stays visible', async () => {
  await using directory = await temporaryDirectory();
  const file = join(directory.path, 'env');
  await writeFile(file, 'A=file\nHOME_OF=$HOME\n');
  const base = new BaseEnvironment({ A: 'own', B: 'own', HOME: '/h', EXECD_ENVS: file }, silentLogger);
  expect(base.current()).toEqual({ A: 'file', B: 'own', HOME: '/h', HOME_OF: '/h', EXECD_ENVS: file });
});

test('contract §13.3: the path of the file is expanded', async () => {
  await using directory = await temporaryDirectory();
  await writeFile(join(directory.path, 'env'), 'A=1');
  for (const path of ['~/env', '$HOME/env', '${HOME}/env']) {
    expect(
      new BaseEnvironment({ HOME: directory.path, EXECD_ENVS: path }, silentLogger).current(),
    ).toMatchObject({ A: '1' });
  }
});

test('contract §13.3: a change of the file shows in the next call, however soon it comes', async () => {
  await using directory = await temporaryDirectory();
  const file = join(directory.path, 'env');
  const base = new BaseEnvironment({ EXECD_ENVS: file }, silentLogger);
  for (let round = 100; round < 300; round += 1) {
    await writeFile(file, `A=${round}`);
    expect(base.current()['A']).toBe(String(round));
  }
});

test('contract §13.3: a file that takes the place of another shows, and one that goes is gone', async () => {
  await using directory = await temporaryDirectory();
  const file = join(directory.path, 'env');
  const base = new BaseEnvironment({ EXECD_ENVS: file, B: 'own' }, silentLogger);
  await writeFile(file, 'A=1');
  expect(base.current()).toMatchObject({ A: '1' });
  await writeFile(`${file}.new`, 'A=2');
  await rename(`${file}.new`, file);
  expect(base.current()).toMatchObject({ A: '2' });
  await rm(file);
  expect(base.current()).toEqual({ EXECD_ENVS: file, B: 'own' });
  await writeFile(file, 'A=3');
  expect(base.current()).toMatchObject({ A: '3' });
});

test.each(['missing', 'directory', '$UNDEFINED'])(
  'contract §13.3: with an unreadable file (%s) commands still run, and one line of the log says so',
  async (name) => {
    await using directory = await temporaryDirectory();
    await mkdir(join(directory.path, 'directory'));
    const own = { A: '1', EXECD_ENVS: join(directory.path, name) };
    const { log, lines } = recordingLogger();
    const base = new BaseEnvironment(own, log);
    for (let round = 0; round < 3; round += 1) expect(base.current()).toEqual(own);
    expect(lines).toMatchObject([{ level: 'warn', msg: 'EXECD_ENVS cannot be read' }]);
  },
);

test('contract A7.4: a bad line is logged with its number, and not again for every command', async () => {
  await using directory = await temporaryDirectory();
  const file = join(directory.path, 'env');
  await writeFile(file, 'A=1\nbad line\n');
  const { log, lines } = recordingLogger();
  const base = new BaseEnvironment({ EXECD_ENVS: file }, log);
  for (let round = 0; round < 3; round += 1) expect(base.current()).toMatchObject({ A: '1' });
  expect(lines).toMatchObject([{ level: 'warn', path: file, line: 2, reason: 'no =' }]);
});
