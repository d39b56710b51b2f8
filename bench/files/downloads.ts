import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { Agent } from 'node:http';
import { writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import nodeFlags from '@pod-agent/execd/node-flags.json' with { type: 'json' };
import { nativeProgramPath } from '../native/build.ts';
import { alternate } from '../rounds.ts';
import type { Result, RunSettings, Scenario } from '../scenario.ts';
import { NODE, startOnFreePort, startServer } from '../server.ts';
import type { ServerUnderTest } from '../server.ts';
import { plainEnvironment } from '../shell-environment.ts';
import { fetchSeconds, requestTarget } from './file-client.ts';
import type { FetchRequest } from './file-client.ts';
import { KIBIBYTE, MEBIBYTE, writeLargeFile, writeSmallFiles } from './file-content.ts';
import { openResponse } from './http-response.ts';
import { startNginx } from './nginx.ts';
import { expectContent } from './same-content.ts';
import { scratchDirectory } from './scratch-directory.ts';
import type { ScratchDirectory } from './scratch-directory.ts';

/** Megabytes of one large file per second, against nginx with sendfile. */
export const largeDownload: Scenario = { name: 'download of a large file', run: measureLargeDownload };

/** Small files per second, one after the other over one connection, against nginx. */
export const smallDownloads: Scenario = { name: 'downloads of small files', run: measureSmallDownloads };

/** Seconds of each round. */
interface DownloadRounds {
  readonly measured: readonly number[];
  readonly floor: readonly number[];
  readonly baseline: readonly number[] | undefined;
}

/** A server to compare with, and what is asked of it. */
interface Peer {
  readonly server: ServerUnderTest;
  readonly targetOf: (file: string) => string;
}

async function measureLargeDownload(settings: RunSettings): Promise<readonly Result[]> {
  const mebibytes = settings.isQuick ? 64 : 1_024;
  const bytes = mebibytes * MEBIBYTE;
  await using scratch = await scratchDirectory(bytes);
  const file = scratch.at('large');
  await writeLargeFile(file, mebibytes, settings.signal);
  await using copyServer = await startOnFreePort((port) => launchCopyServer(port, file), settings.signal);
  const floor = { server: copyServer, targetOf: () => '/' };
  const rounds = await downloadSeconds([file], bytes, floor, scratch, settings);
  return resultsOf(rounds, {
    scenario: `download of ${mebibytes.toLocaleString('en-US')} MiB`,
    floor: 'read and send in C',
    unit: 'MB/s',
    amount: bytes / 1e6,
    limit: 1.5,
  });
}

async function measureSmallDownloads(settings: RunSettings): Promise<readonly Result[]> {
  const count = settings.isQuick ? 1_000 : 10_000;
  await using scratch = await scratchDirectory(count * 4 * KIBIBYTE);
  const files = writeSmallFiles(scratch.at('small'), count, KIBIBYTE);
  await using bareServer = await startOnFreePort(launchBareServer, settings.signal);
  const floor = { server: bareServer, targetOf: (file: string) => file };
  const rounds = await downloadSeconds(files, KIBIBYTE, floor, scratch, settings);
  return resultsOf(rounds, {
    scenario: `downloads of ${count.toLocaleString('en-US')} x 1 KiB, 1 connection`,
    floor: 'the file calls in an empty node:http',
    unit: 'requests/s',
    amount: count,
    limit: 0.8,
  });
}

function resultsOf(
  { measured, floor, baseline }: DownloadRounds,
  row: { scenario: string; floor: string; unit: Result['unit']; amount: number; limit: number },
): readonly Result[] {
  const perSecond = (seconds: readonly number[]) => seconds.map((one) => row.amount / one);
  const compared = baseline && perSecond(baseline);
  return [
    {
      scenario: row.scenario,
      unit: row.unit,
      measured: perSecond(measured),
      baseline: compared,
      target: { of: 'ratio', bound: 'at least', limit: row.limit },
    },
    {
      scenario: `${row.scenario}: floor, ${row.floor}`,
      unit: row.unit,
      measured: perSecond(floor),
      baseline: compared,
    },
  ];
}

/** Seconds that each round took to download all the files, which have the same size, in turns with the others. */
async function downloadSeconds(
  files: readonly string[],
  bytesEach: number,
  floor: Peer,
  scratch: ScratchDirectory,
  { rounds, signal }: RunSettings,
): Promise<DownloadRounds> {
  await using server = await startServer(plainEnvironment(), signal);
  await using nginx = await startNginx(scratch.path, scratch, signal);
  await expectDownloads(server.port, files, signal);
  const downloads = async (name: string, { server: { port }, targetOf }: Peer) => {
    const request = await listRequests(port, files.map(targetOf), scratch.at(`${name}-paths`));
    const run = () => fetchSeconds({ ...request, bytesEach, signal });
    await run(); // not counted: code is compiled meanwhile
    return run;
  };
  const measure = await downloads('execd', { server, targetOf: downloadTarget });
  const runFloor = await downloads('floor', floor);
  const atRoot = (file: string) => `/${relative(scratch.path, file)}`;
  const runNginx = nginx && (await downloads('nginx', { server: nginx, targetOf: atRoot }));

  const baseline: number[] = [];
  const seconds = await alternate(rounds, runFloor, async () => {
    if (runNginx) baseline.push(await runNginx());
    return await measure();
  });
  return { measured: seconds.measured, floor: seconds.baseline, baseline: runNginx && baseline };
}

function launchCopyServer(port: number, file: string): ChildProcess {
  return spawn(nativeProgramPath('copy-server'), [String(port), file], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
}

function launchBareServer(port: number): ChildProcess {
  const program = join(import.meta.dirname, 'bare-download.cjs');
  return spawn(NODE, [...nodeFlags, program, String(port)], {
    env: plainEnvironment(),
    stdio: ['ignore', 'ignore', 'pipe'],
  });
}

async function listRequests(
  port: number,
  targets: readonly string[],
  listPath: string,
): Promise<Pick<FetchRequest, 'port' | 'paths'>> {
  await writeFile(listPath, `${targets.join('\n')}\n`);
  return { port, paths: { listedIn: listPath } };
}

/** Rejects unless the server answers with the content of each file. */
async function expectDownloads(port: number, files: readonly string[], signal: AbortSignal): Promise<void> {
  const agent = new Agent({ keepAlive: true });
  try {
    for (const file of files) {
      const response = await openResponse({ port, path: downloadTarget(file), agent, signal });
      await expectContent(response, file);
    }
  } finally {
    agent.destroy();
  }
}

function downloadTarget(file: string): string {
  return requestTarget('/files/download', { path: file });
}
