import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { ExtractionOptions } from '../../src/archive/archive-extraction.ts';
import { extractArchive } from '../../src/archive/extract-archive.ts';
import { MemberFilter } from '../../src/archive/member-filter.ts';
import { Staging } from '../../src/filesystem/staging.ts';
import { PrivateDirectory } from '../../src/os/private-directory.ts';
import { readTree, writeTree } from './file-tree.ts';
import { temporaryDirectory } from './temporary-directory.ts';

const run = promisify(execFile);

/** What lies around the directory that is extracted to, and nobody may touch. */
const SENTINELS = {
  'outside/secret': 'secret',
  'outside/directory/file': 'file',
  'outside/link': { link: 'secret' },
};

type ExtractionWish = Partial<Omit<ExtractionOptions, 'filter'>> & {
  readonly include?: readonly string[];
  readonly exclude?: readonly string[];
};

/** A directory to extract to, called `target`, with other things beside it. */
export interface ExtractionPlace extends AsyncDisposable {
  readonly target: string;
  readonly staging: Staging;
  extract(
    archive: AsyncIterable<Buffer> | Uint8Array,
    wish?: ExtractionWish,
  ): ReturnType<typeof extractArchive>;
  /** Everything, in `target` and around it. */
  look(): Promise<Record<string, string>>;
}

/** The place, with an empty target. */
export async function extractionPlace(): Promise<ExtractionPlace> {
  await using stack = new AsyncDisposableStack();
  const { path } = stack.use(await temporaryDirectory());
  const elsewhere = stack.use(await temporaryDirectory());
  const staging = stack.use(new Staging(stack.use(new PrivateDirectory([elsewhere.path])), [elsewhere.path]));
  await writeTree(path, SENTINELS);
  const target = join(path, 'target');
  await mkdir(target);
  const owned = stack.move();
  return {
    target,
    staging,
    extract(archive, { include = [], exclude = [], ...options } = {}) {
      const filter = new MemberFilter(include, exclude);
      const wanted = { directory: target, strip: 0, preserveOwner: false, ...options, filter };
      return extractArchive(archive instanceof Uint8Array ? inChunks(archive) : archive, wanted, staging);
    },
    look: () => readTree(path),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Copies, since they are used up: of 10,000 bytes, so that headers fall on their borders. */
async function* inChunks(bytes: Uint8Array): AsyncGenerator<Buffer> {
  for (let start = 0; start < bytes.length; start += 10_000) {
    yield Buffer.from(bytes.subarray(start, start + 10_000));
  }
}

/** An archive of a directory, made by another program. Options come first. */
export async function tarOf(program: readonly [string, ...string[]], directory: string): Promise<Buffer> {
  const [command, ...options] = program;
  const limits = { maxBuffer: 1 << 28, encoding: 'buffer' as const };
  return (await run(command, [...options, '-C', directory, '-cf', '-', '.'], limits)).stdout;
}
