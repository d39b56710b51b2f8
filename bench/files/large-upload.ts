import { spawn } from 'node:child_process';
import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import nodeFlags from '@pod-agent/execd/node-flags.json' with { type: 'json' };
import { alternate } from '../rounds.ts';
import type { Result, RunSettings, Scenario } from '../scenario.ts';
import { NODE, startOnFreePort, startServer } from '../server.ts';
import type { ServerUnderTest } from '../server.ts';
import { plainEnvironment } from '../shell-environment.ts';
import { sendSeconds } from './file-client.ts';
import { MEBIBYTE, writeLargeFile } from './file-content.ts';
import { uploadForm } from './multipart.ts';
import { expectSameFile } from './same-content.ts';
import { scratchDirectory } from './scratch-directory.ts';

/** Megabytes of one large file per second, against a server that only writes what it gets. */
export const largeUpload: Scenario = { name: 'upload of a large file', run: measureLargeUpload };

async function measureLargeUpload({ rounds, isQuick, signal }: RunSettings): Promise<readonly Result[]> {
  const mebibytes = isQuick ? 64 : 1_024;
  const bytes = mebibytes * MEBIBYTE;
  await using scratch = await scratchDirectory(2 * bytes);
  const source = scratch.at('source');
  const target = scratch.at('target');
  await writeLargeFile(source, mebibytes, signal);
  const body = uploadForm(source, target);
  await using server = await startServer(plainEnvironment(), signal);
  await using sink = await startRawSink(target, signal);

  /** The target is removed first: to get memory for a new file is most of the work, and both have to. */
  const uploadTo = async (receiver: ServerUnderTest): Promise<number> => {
    await rm(target, { force: true });
    return await sendSeconds({ port: receiver.port, path: '/files/upload', body, signal });
  };
  // Neither is counted: the code of both is compiled meanwhile.
  await uploadTo(sink);
  if ((await stat(target)).size < bytes) throw new Error('the raw sink has lost bytes');
  await uploadTo(server);
  await expectSameFile(target, source, signal);

  const { baseline, measured } = await alternate(
    rounds,
    () => uploadTo(sink),
    () => uploadTo(server),
  );
  return [
    {
      scenario: `upload of ${mebibytes.toLocaleString('en-US')} MiB`,
      unit: 'MB/s',
      measured: measured.map((seconds) => bytes / 1e6 / seconds),
      baseline: baseline.map((seconds) => bytes / 1e6 / seconds),
      target: { of: 'ratio', bound: 'at least', limit: 0.8 },
    },
  ];
}

async function startRawSink(target: string, signal: AbortSignal): Promise<ServerUnderTest> {
  const program = join(import.meta.dirname, 'raw-sink.cjs');
  const launch = (port: number) =>
    spawn(NODE, [...nodeFlags, program, String(port), target], {
      env: plainEnvironment(),
      stdio: ['ignore', 'ignore', 'pipe'],
    });
  return await startOnFreePort(launch, signal);
}
