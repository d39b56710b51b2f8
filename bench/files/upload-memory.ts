import { rm } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { IDLE_AFTER_MS, watchResidentPeak } from '../resident-memory.ts';
import { repeat } from '../rounds.ts';
import type { Result, RunSettings, Scenario } from '../scenario.ts';
import { startServer } from '../server.ts';
import { plainEnvironment } from '../shell-environment.ts';
import { sendSeconds } from './file-client.ts';
import { MEBIBYTE, writeLargeFile } from './file-content.ts';
import { uploadForm } from './multipart.ts';
import { expectRepeated } from './same-content.ts';
import { scratchDirectory } from './scratch-directory.ts';

/** What the server needs for an upload that is larger than all its memory. */
export const uploadMemory: Scenario = { name: 'memory of an upload', run: measureUploadMemory };

interface MemoryRound {
  readonly residentGrowthMb: number;
  readonly peakGrowthMb: number;
}

async function measureUploadMemory({ rounds, isQuick, signal }: RunSettings): Promise<readonly Result[]> {
  const mebibytes = isQuick ? 128 : 2_048;
  const measured = await repeat(rounds, () => measureRound(mebibytes, signal));
  const name = `upload of ${mebibytes.toLocaleString('en-US')} MiB`;
  return [
    {
      scenario: `${name}: peak RSS over idle`,
      unit: 'MB',
      measured: measured.map((round) => round.residentGrowthMb),
      target: { of: 'measured', bound: 'at most', limit: 40 },
    },
    {
      scenario: `${name}: VmHWM over idle RSS`,
      unit: 'MB',
      measured: measured.map((round) => round.peakGrowthMb),
    },
  ];
}

/** A server of its own for each round: memory once taken is seldom given back. */
async function measureRound(mebibytes: number, signal: AbortSignal): Promise<MemoryRound> {
  await using scratch = await scratchDirectory(mebibytes * MEBIBYTE);
  const source = scratch.at('source');
  const target = scratch.at('target');
  await writeLargeFile(source, 1, signal);
  await using server = await startServer(plainEnvironment(), signal);
  await delay(IDLE_AFTER_MS, undefined, { signal });
  const idleBytes = server.memoryUsage().residentBytes;

  using memory = watchResidentPeak(server);
  const body = uploadForm(source, target, mebibytes);
  await sendSeconds({ port: server.port, path: '/files/upload', body, signal });
  const residentGrowthMb = (memory.peakBytes() - idleBytes) / 1e6;
  const peakGrowthMb = (server.memoryUsage().peakResidentBytes - idleBytes) / 1e6;
  await expectRepeated(target, source, mebibytes);
  await rm(target);
  return { residentGrowthMb, peakGrowthMb };
}
