import { createHash } from 'node:crypto';
import { unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { ServiceError } from '@pod-agent/daemon-kit/service-error';
import { fileCalls } from '../filesystem/file-calls.ts';
import { fileFailure, invalidRequest } from '../filesystem/file-failure.ts';
import { makeDirectories } from '../os/make-directories.ts';
import { StagedBatch } from '../filesystem/staged-batch.ts';
import type { StagingTarget } from '../filesystem/staged-batch.ts';
import { STAGED_PREFIX, StagedFile } from '../filesystem/staged-file.ts';
import { errorCode } from '../os/errno.ts';
import type { Staging } from '../filesystem/staging.ts';
import { releaseMemory } from '../os/release-memory.ts';
import type { ContentPart } from './content-range.ts';

/** How far an upload in parts has come. */
export interface Progress {
  /** Bytes that have arrived without a gap. */
  readonly size: number;
  /** The file stands in its place. */
  readonly complete: boolean;
}

/**
 * Files that come in parts, one request each. What has arrived waits in a hidden file beside the target, also when a
 * client dies in the middle of a part, until the last part puts it into place.
 */
export class PartialContent {
  readonly #staging: Staging;
  /** Targets of which a part is being written. */
  readonly #busy = new Set<string>();

  constructor(staging: Staging) {
    this.#staging = staging;
  }

  /** How much of an unfinished file has arrived. */
  async progress(target: string): Promise<Progress> {
    const stats = await fileCalls().lstat(partialPath(target));
    return { size: stats?.size ?? 0, complete: false };
  }

  /** Forgets what has arrived. */
  async drop(target: string): Promise<void> {
    try {
      await unlink(partialPath(target));
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw fileFailure(error, `error dropping the parts of ${target}`);
    }
  }

  /**
   * Writes a part behind what has arrived, or over its end. Throws 416 for a part that leaves a gap, 409 while another
   * part of the same file is being written, and 400 when the body is not as long as the part.
   */
  async write(target: StagingTarget, part: ContentPart, body: AsyncIterable<Buffer>): Promise<Progress> {
    if (this.#busy.has(target.path)) throw busy(target.path);
    this.#busy.add(target.path);
    try {
      return await this.#write(target, part, body);
    } catch (error) {
      throw fileFailure(error, `error writing file ${target.path}`);
    } finally {
      this.#busy.delete(target.path);
    }
  }

  async #write(target: StagingTarget, part: ContentPart, body: AsyncIterable<Buffer>): Promise<Progress> {
    const { size } = await this.progress(target.path);
    if (part.start > size) throw gap(part, size);
    await makeDirectories(dirname(target.path), fileCalls());
    const staged = await StagedFile.resume(partialPath(target.path), part.start, fileCalls());
    if (!(await fill(staged, part, body))) {
      await staged.close();
      throw invalidRequest(`the body is not ${part.end - part.start + 1} bytes long, as Content-Range says`);
    }
    const arrived = part.end + 1;
    if (part.total !== arrived) {
      await staged.close();
      return { size: arrived, complete: false };
    }
    await this.#finish(staged, target);
    return { size: arrived, complete: true };
  }

  async #finish(staged: StagedFile, target: StagingTarget): Promise<void> {
    await using batch = new StagedBatch(this.#staging);
    try {
      await batch.adopt(staged, target);
    } catch (error) {
      await staged.close();
      throw error;
    }
    await batch.seal(staged);
    await batch.commit();
  }
}

/** False when the body ended early or went on. What fits is kept also when the client dies. */
async function fill(staged: StagedFile, part: ContentPart, body: AsyncIterable<Buffer>): Promise<boolean> {
  let left = part.end - part.start + 1;
  try {
    for await (const chunk of body) {
      if (chunk.length > left) return false;
      left -= chunk.length;
      await staged.write(chunk);
      releaseMemory(chunk);
    }
  } catch (error) {
    await staged.close();
    throw error;
  }
  return left === 0;
}

/** The same for each request, whatever the target's length: names have 255 bytes. */
function partialPath(target: string): string {
  const digest = createHash('sha256').update(basename(target)).digest('base64url');
  return join(dirname(target), `${STAGED_PREFIX}part-${digest.slice(0, 24)}`);
}

function busy(path: string): ServiceError {
  return new ServiceError('conflict', 'ALREADY_RUNNING', `another part is being written: ${path}`);
}

function gap(part: ContentPart, size: number): ServiceError {
  const message = `the part begins at ${part.start}, but ${size} bytes have arrived`;
  return new ServiceError('out-of-range', 'INVALID_REQUEST_BODY', message, { details: { size } });
}
