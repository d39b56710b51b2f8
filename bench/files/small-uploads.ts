import { basename, join } from 'node:path';
import { numberAt, runProgram } from '../native-programs.ts';
import { pipelineSeconds } from '../pipeline.ts';
import { alternate } from '../rounds.ts';
import type { Result, RunSettings, Scenario } from '../scenario.ts';
import { startServer } from '../server.ts';
import { plainEnvironment } from '../shell-environment.ts';
import { sendSeconds } from './file-client.ts';
import { KIBIBYTE, writeSmallFiles } from './file-content.ts';
import { writeUploadForm } from './multipart.ts';
import { expectSameTree } from './same-content.ts';
import { makeEmpty, scratchDirectory } from './scratch-directory.ts';

/** Many small files in one request, against `cp -r` of the same files. */
export const smallUploads: Scenario = { name: 'upload of small files', run: measureSmallUploads };

async function measureSmallUploads({ rounds, isQuick, signal }: RunSettings): Promise<readonly Result[]> {
  const count = isQuick ? 1_000 : 10_000;
  await using scratch = await scratchDirectory(3 * count * 4 * KIBIBYTE);
  const source = scratch.at('source');
  const target = scratch.at('target');
  const files = writeSmallFiles(source, count, KIBIBYTE);
  const pairs = files.map((file) => ({ source: file, target: join(target, basename(file)) }));
  const body = await writeUploadForm(pairs, scratch.at('form'));
  await using server = await startServer(plainEnvironment(), signal);

  const copy = async (): Promise<number> => {
    await makeEmpty(target);
    return await pipelineSeconds('cp -r "$1/." "$2"', { parameters: [source, target], signal });
  };
  const upload = async (): Promise<number> => {
    await makeEmpty(target);
    return await sendSeconds({ port: server.port, path: '/files/upload', body, signal });
  };
  // Neither is counted: the server's code is compiled meanwhile.
  await copy();
  await upload();
  await expectSameTree(target, source, signal);

  const stage = async (): Promise<number> => {
    await makeEmpty(target);
    const argv = [target, String(count), String(KIBIBYTE)];
    return numberAt(await runProgram('staged-copy', argv, signal, process.env), 'seconds');
  };
  const floor: number[] = [];
  const { baseline, measured } = await alternate(rounds, copy, async () => {
    floor.push(await stage());
    return await upload();
  });
  return [
    {
      scenario: `upload of ${count.toLocaleString('en-US')} x 1 KiB, 1 request`,
      unit: 's',
      measured,
      baseline,
      target: { of: 'ratio', bound: 'at most', limit: 1.5 },
    },
    {
      scenario: `upload of ${count.toLocaleString('en-US')} x 1 KiB: floor, the file calls in C`,
      unit: 's',
      measured: floor,
      baseline,
    },
  ];
}
