import fs from 'node:fs';
import { promisify } from 'node:util';
import { fileCalls } from '../filesystem/file-calls.ts';
import { fileFailure, notRegular } from '../filesystem/file-failure.ts';
import { makeDirectories } from '../os/make-directories.ts';
import { applyAttributes } from '../filesystem/permission.ts';
import type { Attributes } from '../filesystem/permission.ts';
import type { Staging } from '../filesystem/staging.ts';
import { dirname } from 'node:path';
import { SpooledFile } from './spooled-file.ts';

const fsync = promisify(fs.fsync);
const { O_APPEND, O_CREAT, O_NONBLOCK, O_WRONLY } = fs.constants;

/**
 * Appends a body to a file, which is created when it is missing. The body is complete before its first byte is
 * appended, and what was appended is cut off again when the rest cannot be. Gives the new size, bytes.
 */
export async function append(
  path: string,
  attributes: Attributes,
  body: AsyncIterable<Buffer>,
  staging: Staging,
): Promise<number> {
  await using spooled = await SpooledFile.create(staging);
  for await (const chunk of body) await spooled.write(chunk);
  await spooled.end();
  try {
    await makeDirectories(dirname(path), fileCalls());
    const size = await appendAll(path, spooled.chunks());
    await applyAttributes(path, attributes);
    return size;
  } catch (error) {
    throw fileFailure(error, `error appending to ${path}`);
  }
}

async function appendAll(path: string, chunks: AsyncIterable<Buffer>): Promise<number> {
  const calls = fileCalls();
  const descriptor = await calls.open(path, O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK, 0o666);
  try {
    const before = await calls.fstat(descriptor);
    if (!before.isFile()) throw notRegular(path, before);
    try {
      for await (const chunk of chunks) await calls.write(descriptor, chunk);
      await fsync(descriptor);
    } catch (error) {
      await calls.ftruncate(descriptor, before.size);
      throw error;
    }
    return (await calls.fstat(descriptor)).size;
  } finally {
    await calls.close(descriptor);
  }
}
