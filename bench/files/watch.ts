import { writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { IDLE_AFTER_MS, watchResidentPeak } from '../resident-memory.ts';
import { repeat } from '../rounds.ts';
import type { Result, RunSettings, Scenario } from '../scenario.ts';
import { startServer } from '../server.ts';
import { plainEnvironment } from '../shell-environment.ts';
import { requestTarget } from './file-client.ts';
import { writeTree } from './file-content.ts';
import { openResponse } from './http-response.ts';
import { scratchDirectory } from './scratch-directory.ts';

const INODE_BYTES = 2_048;
const EVENT_WITHIN_MS = 60_000;
const READY_EVENT = /"type":\s*"ready"/;

/** How long it takes until a large tree is watched, and what that costs the server. */
export const watch: Scenario = { name: 'watch of a large tree', run: measureWatch };

interface WatchRound {
  readonly readySeconds: number;
  readonly residentGrowthMb: number;
  readonly peakGrowthMb: number;
}

/** A tree, and a file in it that appears while it is watched. */
interface WatchedTree {
  readonly root: string;
  readonly newFile: string;
}

async function measureWatch({ rounds, isQuick, signal }: RunSettings): Promise<readonly Result[]> {
  const shape = { directories: isQuick ? 50 : 1_000, filesPerDirectory: 100, bytesPerFile: 0 };
  const files = shape.directories * shape.filesPerDirectory;
  await using scratch = await scratchDirectory(files * INODE_BYTES);
  const root = scratch.at('tree');
  const directories = writeTree(root, shape, signal);
  let round = 0;
  const measured = await repeat(rounds, () => {
    round += 1;
    return measureRound({ root, newFile: join(directories.at(-1) ?? root, `new-${round}`) }, signal);
  });

  const name = `watch of ${files.toLocaleString('en-US')} files`;
  return [
    {
      scenario: `${name}: until it is ready`,
      unit: 's',
      measured: measured.map(({ readySeconds }) => readySeconds),
    },
    {
      scenario: `${name}: peak RSS over idle`,
      unit: 'MB',
      measured: measured.map(({ residentGrowthMb }) => residentGrowthMb),
      target: { of: 'measured', bound: 'at most', limit: 60 },
    },
    {
      scenario: `${name}: VmHWM over idle RSS`,
      unit: 'MB',
      measured: measured.map(({ peakGrowthMb }) => peakGrowthMb),
    },
  ];
}

/** A client in Node is good enough for one that sleeps until the event comes. */
async function measureRound(tree: WatchedTree, signal: AbortSignal): Promise<WatchRound> {
  await using server = await startServer(plainEnvironment(), signal);
  await delay(IDLE_AFTER_MS, undefined, { signal });
  const idleBytes = server.memoryUsage().residentBytes;

  using memory = watchResidentPeak(server);
  const path = requestTarget('/files/watch', { path: tree.root, recursive: 'true' });
  const limit = AbortSignal.any([signal, AbortSignal.timeout(EVENT_WITHIN_MS)]);
  const startedMs = performance.now();
  const events = await openResponse({ port: server.port, path, signal: limit });
  await readUntil(events, (text) => READY_EVENT.test(text));
  const readySeconds = (performance.now() - startedMs) / 1000;

  await writeFile(tree.newFile, '');
  await readUntil(events, (text) => text.includes(tree.newFile)); // only a watch that works counts
  const residentGrowthMb = (memory.peakBytes() - idleBytes) / 1e6;
  const peakGrowthMb = (server.memoryUsage().peakResidentBytes - idleBytes) / 1e6;
  events.destroy();
  return { readySeconds, residentGrowthMb, peakGrowthMb };
}

/** Reads on until what was read satisfies; rejects if the stream ends before. */
async function readUntil(events: IncomingMessage, isEnough: (text: string) => boolean): Promise<void> {
  let text = '';
  events.setEncoding('utf8');
  for await (const chunk of events.iterator({ destroyOnReturn: false })) {
    text += String(chunk);
    if (isEnough(text)) return;
  }
  throw new Error(`the stream of events ended after: ${text.slice(0, 200)}`);
}
