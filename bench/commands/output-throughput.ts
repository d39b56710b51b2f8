import { measureStream } from '../native-programs.ts';
import { pipelineSeconds } from '../pipeline.ts';
import { alternate, repeat } from '../rounds.ts';
import type { Result, RunSettings, Scenario } from '../scenario.ts';
import { startServer } from '../server.ts';
import { shellEnvironment } from '../shell-environment.ts';
import { LONG_LINE_BYTES, longLines } from './long-lines.ts';

const MEBIBYTE = 1024 * 1024;

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
  const { rounds, isQuick, signal } = settings;
  const bytes = (isQuick ? 128 : 512) * MEBIBYTE;
  const command = longLines(bytes);
  const lines = Math.ceil(bytes / LONG_LINE_BYTES);
  await using environment = await shellEnvironment('bash');
  await using server = await startServer(environment.variables, signal);
  await streamSeconds(server.port, command, lines, signal); // not counted: the server's code is compiled meanwhile
  const { baseline, measured } = await alternate(
    rounds,
    () => pipelineSeconds(`${command} | cat >/dev/null`, { environment: environment.variables, signal }),
    () => streamSeconds(server.port, command, lines, signal),
  );
  return [
    {
      scenario: `${lineThroughput.name}: input`,
      unit: 'MB/s',
      measured: measured.map((seconds) => bytes / 1e6 / seconds),
      baseline: baseline.map((seconds) => bytes / 1e6 / seconds),
      target: { of: 'ratio', bound: 'at least', limit: 0.25 },
    },
  ];
}

async function measureShortLines(settings: RunSettings): Promise<readonly Result[]> {
  const { rounds, isQuick, signal } = settings;
  const bytes = (isQuick ? 8 : 32) * MEBIBYTE;
  const lines = bytes / 2;
  await using environment = await shellEnvironment('bash');
  await using server = await startServer(environment.variables, signal);
  const measured = await repeat(rounds, () =>
    streamSeconds(server.port, `yes | head -c ${bytes}`, lines, signal),
  );
  return [
    {
      scenario: shortLineThroughput.name,
      unit: 'M lines/s',
      measured: measured.map((seconds) => lines / 1e6 / seconds),
      target: { of: 'measured', bound: 'at least', limit: 8 },
    },
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
