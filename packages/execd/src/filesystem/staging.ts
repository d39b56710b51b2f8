import fs from 'node:fs';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { PrivateDirectory } from '../os/private-directory.ts';
import { listPrivateDirectories } from '../os/private-directory.ts';
import { readProcess } from '../os/process-tree.ts';
import { removeTree } from './remove.ts';
import { OWN_PREFIX } from './staged-file.ts';

/** The file in the private directory that tells where this process has temporary files. */
const JOURNAL = 'staged';

/** Who writes a journal, and what the names of its temporary files begin with. */
const ownerSchema = z.object({
  pid: z.int(),
  startTime: z.string(),
  prefix: z.string().regex(/^\.execd-upload-[\w-]{8}-$/),
});

/**
 * Where bytes wait before they are put into place: beside their targets, or in a private directory where that cannot
 * be. It keeps a journal of the directories that have temporary files, so that the next daemon removes those of one that
 * was killed.
 */
export class Staging implements AsyncDisposable {
  readonly #directory: PrivateDirectory;
  readonly #candidates: readonly string[];
  #sweep: Promise<number> | undefined;
  /** Noted since the journal was last empty. */
  readonly #noted = new Set<string>();
  #users = 0;

  /** `candidates` are the places where a daemon's private directory may stand. */
  constructor(directory: PrivateDirectory, candidates: readonly string[]) {
    this.#directory = directory;
    this.#candidates = candidates;
  }

  /** Removes in the background, once, what killed daemons of this user left; at the latest before the first file. */
  sweep(): void {
    this.#sweep ??= removeOrphans(this.#candidates);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#sweep;
  }

  /** The private directory, which exists. Rejects when there is no place for one. */
  ensure(): Promise<string> {
    return this.#directory.ensure();
  }

  /** Somebody begins to stage files; disposing the use says that none of them is left. */
  use(): Disposable {
    this.#users += 1;
    return {
      [Symbol.dispose]: () => {
        this.#users -= 1;
      },
    };
  }

  /** Called before the first temporary file is created in a directory. Best effort: staging works without a journal. */
  async note(path: string): Promise<void> {
    if (this.#noted.has(path)) return;
    this.sweep();
    try {
      const journal = join(await this.ensure(), JOURNAL);
      const line = `${JSON.stringify(path)}\n`;
      // One use, the caller's: what is in the journal is over.
      if (this.#users <= 1) this.#noted.clear();
      if (this.#noted.size === 0) fs.writeFileSync(journal, header() + line, { mode: 0o600 });
      else fs.appendFileSync(journal, line);
      this.#noted.add(path);
    } catch {
      // No place to write to, where the upload itself may still have one.
    }
  }
}

/**
 * Removes the temporary files that daemons of this user left behind which are no longer alive. Gives how many there
 * were. Never rejects.
 */
export async function removeOrphans(candidates: readonly string[]): Promise<number> {
  let removed = 0;
  for (const directory of await listPrivateDirectories(candidates))
    removed += await removeOrphansOf(join(directory, JOURNAL));
  return removed;
}

async function removeOrphansOf(journal: string): Promise<number> {
  const [head = '', ...lines] = (await readFile(journal, 'utf8').catch(() => '')).split('\n').slice(0, -1);
  const owner = parseLine(ownerSchema, head);
  if (owner === undefined || readProcess(owner.pid)?.startTime === owner.startTime) return 0;
  let removed = 0;
  for (const line of lines) {
    const directory = parseLine(z.string(), line) ?? '';
    for (const name of await listing(directory)) {
      if (!name.startsWith(owner.prefix)) continue;
      await removeTree(join(directory, name)).catch(() => undefined);
      removed += 1;
    }
  }
  await removeTree(journal).catch(() => undefined);
  return removed;
}

async function listing(directory: string): Promise<string[]> {
  // Missing, or not ours to read.
  return await readdir(directory).catch(() => []);
}

function header(): string {
  const startTime = readProcess(process.pid)?.startTime ?? '';
  return `${JSON.stringify({ pid: process.pid, startTime, prefix: OWN_PREFIX })}\n`;
}

/** Undefined for a line that was cut off. */
function parseLine<T>(schema: z.ZodType<T>, line: string): T | undefined {
  try {
    return schema.parse(JSON.parse(line));
  } catch {
    return undefined;
  }
}
