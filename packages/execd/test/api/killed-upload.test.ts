import { chmodSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startListening } from '../support/execd-process.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { until } from '../support/until.ts';

test('what a killed execd had half written is removed by the next one, and the old content stays', async () => {
  await using directory = await temporaryDirectory();
  await using temporary = await temporaryDirectory();
  const environment = { ...process.env, TMPDIR: temporary.path };
  const path = join(directory.path, 'file');
  writeFileSync(path, 'old');
  {
    await using execd = await startListening([], environment);
    const request = httpRequest(`${execd.url}/files/content?path=${path}`, {
      method: 'PUT',
      headers: { 'content-length': '1000000' },
    });
    request.on('error', () => undefined);
    request.write(Buffer.alloc(200_000));
    await until(() => readdirSync(directory.path).length === 2);
    execd.kill('SIGKILL');
    expect(await execd.ended).toBe('SIGKILL');
    request.destroy();
  }
  expect(readdirSync(directory.path)).toHaveLength(2);
  await using _next = await startListening([], environment);
  await until(() => readdirSync(directory.path).length === 1);
  expect(readFileSync(path, 'utf8')).toBe('old');
});

test.each(['', '&uid=65534'])(
  'an upload that is under way when execd is told to end leaves nothing %s',
  async (as) => {
    await using directory = await temporaryDirectory();
    chmodSync(directory.path, 0o777);
    const path = join(directory.path, 'file');
    writeFileSync(path, 'old');
    chmodSync(path, 0o666);
    await using execd = await startListening();
    const request = httpRequest(`${execd.url}/files/content?path=${path}${as}`, {
      method: 'PUT',
      headers: { 'content-length': '1000000' },
    });
    request.on('error', () => undefined);
    request.write(Buffer.alloc(200_000));
    await until(() => readdirSync(directory.path).length === 2);
    execd.kill('SIGTERM');
    expect(await execd.ended).toBe(0);
    request.destroy();
    expect(readdirSync(directory.path)).toEqual(['file']);
    expect(readFileSync(path, 'utf8')).toBe('old');
  },
);
