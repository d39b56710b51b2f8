import { execFile } from 'node:child_process';
import { json } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { pipelineSeconds } from '../pipeline.ts';
import { alternate } from '../rounds.ts';
import type { Result, RunSettings, Scenario } from '../scenario.ts';
import { startServer } from '../server.ts';
import type { ServerUnderTest } from '../server.ts';
import { plainEnvironment } from '../shell-environment.ts';
import { fetchSeconds, requestTarget } from './file-client.ts';
import { writeTree } from './file-content.ts';
import { openResponse } from './http-response.ts';
import { scratchDirectory } from './scratch-directory.ts';

const LISTING_LIMIT_BYTES = 64 * 1024 * 1024;
const INODE_BYTES = 2_048;
const INFO_KEYS = ['path', 'type', 'size', 'modified_at', 'created_at', 'owner', 'group', 'mode'];

/** A large tree searched for few files and for all of them, against `find`. */
export const search: Scenario = { name: 'search of a large tree', run: measureSearch };

/** The same question, as a pattern and as arguments of `find`; `printed` has it tell as much as the server does. */
interface Question {
  readonly pattern: string;
  readonly tests: string;
  readonly printed: string;
}

const QUESTIONS: readonly Question[] = [
  { pattern: '*.ts', tests: "-type f -name '*.ts'", printed: '-print' },
  { pattern: '**', tests: '! -type d', printed: String.raw`-printf '%p %s %T@ %C@ %u %g %m %y\n'` },
];

async function measureSearch(settings: RunSettings): Promise<readonly Result[]> {
  const { isQuick, signal } = settings;
  const shape = { directories: isQuick ? 50 : 1_000, filesPerDirectory: 100, bytesPerFile: 0 };
  const files = shape.directories * shape.filesPerDirectory;
  await using scratch = await scratchDirectory(files * INODE_BYTES);
  const root = scratch.at('tree');
  writeTree(root, shape, signal);
  await using server = await startServer(plainEnvironment(), signal);

  const results: Result[] = [];
  for (const question of QUESTIONS) {
    const { measured, baseline } = await askBoth(question, root, server, settings);
    results.push({
      scenario: `search of ${files.toLocaleString('en-US')} files for ${question.pattern}`,
      unit: 's',
      measured,
      baseline,
      target: { of: 'ratio', bound: 'at most', limit: 2 },
    });
  }
  return results;
}

async function askBoth(
  { pattern, tests, printed }: Question,
  root: string,
  { port }: ServerUnderTest,
  { rounds, signal }: RunSettings,
): Promise<{ readonly measured: readonly number[]; readonly baseline: readonly number[] }> {
  const path = requestTarget('/files/search', { path: root, pattern });
  const found = await json(await openResponse({ port, path, signal })); // the server's code is compiled meanwhile
  expectFiles(found, await listFiles(root, tests, signal));
  return await alternate(
    rounds,
    () => pipelineSeconds(`find "$1" ${tests} ${printed} >/dev/null`, { parameters: [root], signal }),
    () => fetchSeconds({ port, paths: { one: path }, signal }),
  );
}

/** The paths in no order. */
async function listFiles(root: string, tests: string, signal: AbortSignal): Promise<readonly string[]> {
  const { stdout } = await promisify(execFile)('/bin/sh', ['-c', `find "$1" ${tests}`, 'sh', root], {
    signal,
    maxBuffer: LISTING_LIMIT_BYTES,
  });
  return stdout.trimEnd().split('\n');
}

/** Throws unless the answer is the full info of these very files. */
function expectFiles(found: unknown, paths: readonly string[]): void {
  if (!Array.isArray(found)) throw new TypeError('the answer to the search is no array');
  const missing = new Set(paths);
  for (const info of found) {
    const path = pathOf(info);
    if (!missing.delete(path)) throw new Error(`found and not there, or found twice: ${path}`);
  }
  const [example] = missing;
  if (example !== undefined) throw new Error(`${missing.size} files not found, for example ${example}`);
}

function pathOf(info: unknown): string {
  const fields = new Map(Object.entries(info ?? {}));
  const absent = INFO_KEYS.filter((key) => !fields.has(key));
  if (absent.length > 0) throw new Error(`found without ${absent.join(', ')}: ${JSON.stringify(info)}`);
  return String(fields.get('path'));
}
