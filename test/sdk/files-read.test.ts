import { createHash, randomBytes } from 'node:crypto';
import { symlink, writeFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { collect, directoryIn, rejectedTransfer } from '../support/sdk-files.ts';
import { sharedSandbox } from '../support/shared-sandbox.ts';

const { connect } = sharedSandbox();

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz';
const FIVE = 'line1\nline2\nline3\nline4\nline5\n';

describe('files.readFile', () => {
  test('text as UTF-8, and in another encoding', async () => {
    await using box = await connect();
    const { files, path } = await directoryIn(box);
    await writeFile(`${path}/utf8`, 'größe 测试 😀\r\n');
    await writeFile(`${path}/latin1`, Buffer.from('größe', 'latin1'));
    await writeFile(`${path}/empty`, '');
    expect(await files.readFile(`${path}/utf8`)).toBe('größe 测试 😀\r\n');
    expect(await files.readFile(`${path}/latin1`, { encoding: 'latin1' })).toBe('größe');
    expect(await files.readFile(`${path}/empty`)).toBe('');
  });

  test.each([
    ['bytes=0-9', 'abcdefghij'],
    ['bytes=20-', 'uvwxyz'],
    ['bytes=-3', 'xyz'],
    ['bytes=24-1000', 'yz'],
    ['bytes=0-0', 'a'],
    ['bytes=2-3,10-12', 'cd'],
  ])('range %s', async (range, expected) => {
    await using box = await connect();
    const { files, path } = await directoryIn(box);
    await writeFile(`${path}/file`, ALPHABET);
    expect(await files.readFile(`${path}/file`, { range })).toBe(expected);
  });

  test.each([
    [{ offset: 2, limit: 2 }, 'line2\nline3'],
    [{ offset: 4 }, 'line4\nline5'],
    [{ limit: 2 }, 'line1\nline2'],
    [{ offset: 1 }, 'line1\nline2\nline3\nline4\nline5'],
    [{ offset: 100 }, ''],
  ])('contract §7.8: lines %j', async (lines, expected) => {
    await using box = await connect();
    const { files, path } = await directoryIn(box);
    await writeFile(`${path}/file`, FIVE);
    expect(await files.readFile(`${path}/file`, lines)).toBe(expected);
  });

  test('of a file in /proc, which says that it is empty', async () => {
    await using box = await connect();
    expect(await box.sandbox.files.readFile('/proc/self/status', { limit: 1 })).toMatch(/^Name:\t/);
  });
});

describe('files.readBytes and files.readBytesStream', () => {
  test('bytes that are no text', async () => {
    await using box = await connect();
    const { files, path } = await directoryIn(box);
    const content = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    await writeFile(`${path}/file`, content);
    expect(Buffer.from(await files.readBytes(`${path}/file`))).toEqual(content);
    expect(await collect(files.readBytesStream(`${path}/file`))).toEqual(content);
    const part = await files.readBytes(`${path}/file`, { range: 'bytes=128-131' });
    expect([...part]).toEqual([128, 129, 130, 131]);
  });

  test('a stream of 64 MiB comes in pieces and is whole', async () => {
    await using box = await connect();
    const { files, path } = await directoryIn(box);
    const content = randomBytes(64 * 1024 * 1024);
    await writeFile(`${path}/file`, content);
    const hash = createHash('sha256');
    let pieces = 0;
    for await (const chunk of files.readBytesStream(`${path}/file`)) {
      hash.update(chunk);
      pieces += 1;
    }
    expect(hash.digest('hex')).toBe(createHash('sha256').update(content).digest('hex'));
    expect(pieces).toBeGreaterThan(1);
  });

  test('a stream of a range and of lines', async () => {
    await using box = await connect();
    const { files, path } = await directoryIn(box);
    await writeFile(`${path}/alphabet`, ALPHABET);
    await writeFile(`${path}/five`, FIVE);
    const range = await collect(files.readBytesStream(`${path}/alphabet`, { range: 'bytes=1-3' }));
    const lines = await collect(files.readBytesStream(`${path}/five`, { offset: 3, limit: 1 }));
    expect([range.toString(), lines.toString()]).toEqual(['bcd', 'line3']);
  });

  test('a copy from file to file without holding it', async () => {
    await using box = await connect();
    const { files, path } = await directoryIn(box);
    await writeFile(`${path}/from`, ALPHABET.repeat(100_000));
    await files.writeFiles([{ path: `${path}/to`, data: files.readBytesStream(`${path}/from`) }]);
    expect((await files.readFile(`${path}/to`)) === ALPHABET.repeat(100_000)).toBe(true);
  });

  test('a symbolic link is followed', async () => {
    await using box = await connect();
    const { files, path } = await directoryIn(box);
    await writeFile(`${path}/file`, 'content');
    await symlink('file', `${path}/link`);
    expect(await files.readFile(`${path}/link`)).toBe('content');
  });
});

const failures: [string, string, Record<string, string | number>, number, string][] = [
  ['a missing file', 'missing', {}, 404, 'FILE_NOT_FOUND'],
  ['a missing file by range', 'missing', { range: 'bytes=0-9' }, 404, 'FILE_NOT_FOUND'],
  ['a missing file by lines', 'missing', { offset: 1 }, 404, 'FILE_NOT_FOUND'],
  ['a range that is none', 'file', { range: 'bytes=foo' }, 416, 'UNKNOWN'],
  ['lines of a range', 'file', { range: 'bytes=0-9', offset: 1 }, 400, 'INVALID_REQUEST_BODY'],
  ['line 0', 'file', { offset: 0 }, 400, 'INVALID_REQUEST_BODY'],
  ['no lines', 'file', { limit: 0 }, 400, 'INVALID_REQUEST_BODY'],
];

describe('reading that fails', () => {
  test.each(failures)('%s', async (_name, ...[name, options, status, code]) => {
    await using box = await connect();
    const { files, path } = await directoryIn(box);
    await writeFile(`${path}/file`, ALPHABET);
    const target = `${path}/${name}`;
    const failed = rejectedTransfer('Download failed', status, code);
    await expect(files.readFile(target, options)).rejects.toMatchObject(failed);
    await expect(files.readBytes(target, options)).rejects.toMatchObject(failed);
    await expect(collect(files.readBytesStream(target, options))).rejects.toMatchObject(
      rejectedTransfer('Download stream failed', status, code),
    );
  });

  test('a range behind the end says what is there', async () => {
    await using box = await connect();
    const { files, path } = await directoryIn(box);
    await writeFile(`${path}/file`, ALPHABET);
    await expect(files.readFile(`${path}/file`, { range: 'bytes=100-' })).rejects.toMatchObject({
      statusCode: 416,
      rawBody: expect.stringMatching(/^\{.*"code":".+".*"message":".+".*\}$/) as string,
    });
  });

  test('a directory', async () => {
    await using box = await connect();
    const { files, path } = await directoryIn(box);
    for (const options of [{}, { offset: 1 }, { range: 'bytes=0-9' }]) {
      await expect(files.readBytes(path, options)).rejects.toMatchObject({ statusCode: 400 });
    }
  });

  test('an empty path', async () => {
    await using box = await connect();
    await expect(box.sandbox.files.readFile('')).rejects.toMatchObject(
      rejectedTransfer('Download failed', 400, 'MISSING_QUERY'),
    );
  });
});
