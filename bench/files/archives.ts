import { pipelineSeconds } from '../pipeline.ts';
import { alternate } from '../rounds.ts';
import type { Result, RunSettings, Scenario } from '../scenario.ts';
import { startServer } from '../server.ts';
import type { ServerUnderTest } from '../server.ts';
import { plainEnvironment } from '../shell-environment.ts';
import { fetchSeconds, requestTarget, sendSeconds } from './file-client.ts';
import { KIBIBYTE, writeTree } from './file-content.ts';
import { openResponse } from './http-response.ts';
import { expectSameTree, feedProgram } from './same-content.ts';
import { makeEmpty, scratchDirectory } from './scratch-directory.ts';
import type { ScratchDirectory } from './scratch-directory.ts';

const SHAPE = { directories: 50, filesPerDirectory: 30, bytesPerFile: KIBIBYTE };
const FILES = SHAPE.directories * SHAPE.filesPerDirectory;

/** A project of usual size as a tar archive, both ways, against `tar`. */
export const archives: Scenario = { name: 'directory as archive', run: measureArchives };

async function measureArchives(settings: RunSettings): Promise<readonly Result[]> {
  const { signal } = settings;
  await using scratch = await scratchDirectory(5 * FILES * 4 * KIBIBYTE);
  writeTree(scratch.at('source'), SHAPE, signal);
  await using server = await startServer(plainEnvironment(), signal);
  return [await measurePacking(server, scratch, settings), await measureUnpacking(server, scratch, settings)];
}

async function measurePacking(
  { port }: ServerUnderTest,
  scratch: ScratchDirectory,
  { rounds, signal }: RunSettings,
): Promise<Result> {
  const source = scratch.at('source');
  const path = archiveTarget(source);
  const unpacked = scratch.at('unpacked');
  await makeEmpty(unpacked);
  // Not counted: the server's code is compiled meanwhile.
  await feedProgram('tar', ['-xf', '-', '-C', unpacked], await openResponse({ port, path, signal }));
  await expectSameTree(unpacked, source, signal);

  const { baseline, measured } = await alternate(
    rounds,
    () => pipelineSeconds('tar -cf - -C "$1" . | cat >/dev/null', { parameters: [source], signal }),
    () => fetchSeconds({ port, paths: { one: path }, signal }),
  );
  return archiveResult('GET', measured, baseline);
}

async function measureUnpacking(
  { port }: ServerUnderTest,
  scratch: ScratchDirectory,
  { rounds, signal }: RunSettings,
): Promise<Result> {
  const source = scratch.at('source');
  const target = scratch.at('target');
  const archive = scratch.at('source.tar');
  await pipelineSeconds('tar -cf "$1" -C "$2" .', { parameters: [archive, source], signal });
  const body = { contentType: 'application/x-tar', file: archive };

  const unpack = async (): Promise<number> => {
    await makeEmpty(target);
    return await pipelineSeconds('tar -xf - -C "$2" <"$1"', { parameters: [archive, target], signal });
  };
  const send = async (): Promise<number> => {
    await makeEmpty(target);
    return await sendSeconds({ port, method: 'PUT', path: archiveTarget(target), body, signal });
  };
  await send(); // not counted: the server's code is compiled meanwhile
  await expectSameTree(target, source, signal);

  const { baseline, measured } = await alternate(rounds, unpack, send);
  return archiveResult('PUT', measured, baseline);
}

function archiveResult(
  method: 'GET' | 'PUT',
  measured: readonly number[],
  baseline: readonly number[],
): Result {
  return {
    scenario: `${method} archive of ${FILES.toLocaleString('en-US')} x 1 KiB`,
    unit: 's',
    measured,
    baseline,
    target: { of: 'measured', bound: 'at most', limit: 2 },
  };
}

function archiveTarget(directory: string): string {
  return requestTarget('/directories/archive', { path: directory });
}
