import { mkdir, writeFile } from 'node:fs/promises';
import { cpus, release } from 'node:os';
import { join } from 'node:path';
import { summarize } from './scenario.ts';
import type { Result, RunSettings } from './scenario.ts';

const RESULTS_DIRECTORY = join(import.meta.dirname, 'results');

/** A scenario that could not measure. */
export interface Failure {
  readonly scenario: string;
  readonly message: string;
}

/** Writes results/GROUP.json: the machine, the medians and the value of every round. Resolves to its path. */
export async function writeReport(
  group: string,
  settings: RunSettings,
  results: readonly Result[],
  failures: readonly Failure[],
): Promise<string> {
  const report = {
    group,
    date: new Date().toISOString(),
    node: process.version,
    kernel: release(),
    cpu: cpus()[0]?.model ?? 'unknown',
    cpuCount: cpus().length,
    rounds: settings.rounds,
    quick: settings.isQuick,
    results: results.map(reportResult),
    failures,
  };
  await mkdir(RESULTS_DIRECTORY, { recursive: true });
  const path = join(RESULTS_DIRECTORY, `${group}.json`);
  await writeFile(path, `${JSON.stringify(report, null, 2)}\n`);
  return path;
}

function reportResult(result: Result): object {
  const { measured, baseline, ratio, isMet } = summarize(result);
  return {
    scenario: result.scenario,
    unit: result.unit,
    measured,
    baseline,
    ratio,
    target: result.target ?? null,
    met: isMet,
    roundValues: { measured: result.measured, baseline: result.baseline ?? [] },
  };
}
