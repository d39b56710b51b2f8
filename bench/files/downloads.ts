import { Agent } from 'node:http';
import { writeFile } from 'node:fs/promises';
import { relative } from 'node:path';
import { alternate, repeat } from '../rounds.ts';
import type { Result, RunSettings, Scenario } from '../scenario.ts';
import { startServer } from '../server.ts';
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

interface DownloadRounds {
  readonly measured: readonly number[];
  readonly baseline: readonly number[] | undefined;
}

async function measureLargeDownload(settings: RunSettings): Promise<readonly Result[]> {
  const mebibytes = settings.isQuick ? 64 : 1_024;
  const bytes = mebibytes * MEBIBYTE;
  await using scratch = await scratchDirectory(bytes);
  const file = scratch.at('large');
  await writeLargeFile(file, mebibytes, settings.signal);
  const { measured, baseline } = await downloadSeconds([file], bytes, scratch, settings);
  return [
    {
      scenario: `download of ${mebibytes.toLocaleString('en-US')} MiB`,
      unit: 'MB/s',
      measured: measured.map((seconds) => bytes / 1e6 / seconds),
      baseline: baseline?.map((seconds) => bytes / 1e6 / seconds),
      target: { of: 'ratio', bound: 'at least', limit: 1.5 },
    },
  ];
}

async function measureSmallDownloads(settings: RunSettings): Promise<readonly Result[]> {
  const count = settings.isQuick ? 1_000 : 10_000;
  await using scratch = await scratchDirectory(count * 4 * KIBIBYTE);
  const files = writeSmallFiles(scratch.at('small'), count, KIBIBYTE);
  const { measured, baseline } = await downloadSeconds(files, KIBIBYTE, scratch, settings);
  return [
    {
      scenario: `downloads of ${count.toLocaleString('en-US')} x 1 KiB, 1 connection`,
      unit: 'requests/s',
      measured: measured.map((seconds) => count / seconds),
      baseline: baseline?.map((seconds) => count / seconds),
      target: { of: 'ratio', bound: 'at least', limit: 0.8 },
    },
  ];
}

/** Seconds that each round took to download all the files, which have the same size, in turns with nginx. */
async function downloadSeconds(
  files: readonly string[],
  bytesEach: number,
  scratch: ScratchDirectory,
  { rounds, signal }: RunSettings,
): Promise<DownloadRounds> {
  await using server = await startServer(plainEnvironment(), signal);
  await using nginx = await startNginx(scratch.path, scratch, signal);
  await expectDownloads(server.port, files, signal);
  const request = await listRequests(server.port, files.map(downloadTarget), scratch.at('execd-paths'));
  const measure = () => fetchSeconds({ ...request, bytesEach, signal });
  await measure(); // not counted: the server's code is compiled meanwhile
  if (nginx === undefined) return { measured: await repeat(rounds, measure), baseline: undefined };

  const targets = files.map((file) => `/${relative(scratch.path, file)}`);
  const baselineRequest = await listRequests(nginx.port, targets, scratch.at('nginx-paths'));
  const runBaseline = () => fetchSeconds({ ...baselineRequest, bytesEach, signal });
  await runBaseline(); // not counted either
  return await alternate(rounds, runBaseline, measure);
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
