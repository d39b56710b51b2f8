import { resultsOfLaunchers, shimAgainstChildProcess } from '../launcher-results.ts';
import { startServers } from '../launcher-servers.ts';
import type { Launcher } from '../launcher.ts';
import { measureStream } from '../native-programs.ts';
import { pipelineSeconds } from '../pipeline.ts';
import { alternateLaunchers, repeatLaunchers } from '../rounds.ts';
import type { Result, RunSettings, Scenario, Target } from '../scenario.ts';
import { shellEnvironment } from '../shell-environment.ts';
import { LONG_LINE_BYTES, longLines } from './long-lines.ts';

const MEBIBYTE = 1024 * 1024;

/** What output may lose on its way through one more process. */
const AGAINST_CHILD_PROCESS: Target = { of: 'ratio', bound: 'at least', limit: 0.8 };

/** Megabytes of 200-byte lines per second, against the same pipeline into `cat`. */
export const lineThroughput: Scenario = {
  name: `${LONG_LINE_BYTES}-byte lines`,
  run: measureLongLines,
};

/** Lines per second when each is only one letter and a newline. */
export const shortLineThroughput: Scenario = {
  name: '2-byte lines (yes)',
  run: measureShortLines,
};

async function measureLongLines(settings: RunSettings): Promise<readonly Result[]> {
  const { isQuick, signal } = settings;
  const bytes = (isQuick ? 128 : 512) * MEBIBYTE;
  const command = longLines(bytes);
  const lines = Math.ceil(bytes / LONG_LINE_BYTES);
  await using environment = await shellEnvironment('bash');
  await using servers = await startServers(settings, environment.variables);
  const megabytesPerSecond = async (launcher: Launcher): Promise<number> =>
    bytes / 1e6 / (await streamSeconds(servers.of(launcher).port, command, lines, signal));
  const pipeline = `${command} | cat >/dev/null`;
  for (const launcher of settings.launchers) await megabytesPerSecond(launcher); // not counted: code is compiled meanwhile

  const { baseline, measured } = await alternateLaunchers(
    settings,
    async () =>
      bytes / 1e6 / (await pipelineSeconds(pipeline, { environment: environment.variables, signal })),
    megabytesPerSecond,
  );
  const { name } = lineThroughput;
  return [
    ...resultsOfLaunchers(measured, (rounds): readonly Result[] => [
      {
        scenario: `${name}: input`,
        unit: 'MB/s',
        measured: rounds,
        baseline,
        target: { of: 'ratio', bound: 'at least', limit: 0.25 },
      },
    ]),
    ...shimAgainstChildProcess(measured, {
      scenario: `${name}: input, shim against child_process`,
      unit: 'MB/s',
      target: AGAINST_CHILD_PROCESS,
    }),
  ];
}

async function measureShortLines(settings: RunSettings): Promise<readonly Result[]> {
  const { isQuick, signal } = settings;
  const bytes = (isQuick ? 8 : 32) * MEBIBYTE;
  const lines = bytes / 2;
  await using environment = await shellEnvironment('bash');
  await using servers = await startServers(settings, environment.variables);
  const millionLinesPerSecond = async (launcher: Launcher): Promise<number> =>
    lines / 1e6 / (await streamSeconds(servers.of(launcher).port, `yes | head -c ${bytes}`, lines, signal));
  for (const launcher of settings.launchers) await millionLinesPerSecond(launcher); // not counted, as above

  const measured = await repeatLaunchers(settings, millionLinesPerSecond);
  const { name } = shortLineThroughput;
  return [
    ...resultsOfLaunchers(measured, (rounds): readonly Result[] => [
      {
        scenario: name,
        unit: 'M lines/s',
        measured: rounds,
        target: { of: 'measured', bound: 'at least', limit: 8 },
      },
    ]),
    ...shimAgainstChildProcess(measured, {
      scenario: `${name}: shim against child_process`,
      unit: 'M lines/s',
      target: AGAINST_CHILD_PROCESS,
    }),
  ];
}

/** Rejects unless each line arrived as one event: a server which drops output must not look fast. */
async function streamSeconds(
  port: number,
  command: string,
  lines: number,
  signal: AbortSignal,
): Promise<number> {
  const { seconds, stdoutEvents, completeEvents } = await measureStream({ port, command, signal });
  if (stdoutEvents !== lines || completeEvents !== 1) {
    throw new Error(`expected ${lines} lines, got ${stdoutEvents} events and ${completeEvents} completions`);
  }
  return seconds;
}
