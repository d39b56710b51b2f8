import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { cpus, release } from 'node:os';
import { join } from 'node:path';
import type { Launcher } from './launcher.ts';
import { summarize } from './scenario.ts';
import type { Result, RunSettings, Target, Unit } from './scenario.ts';

const RESULTS_DIRECTORY = join(import.meta.dirname, 'results');

/** A scenario that could not measure. */
export interface Failure {
  readonly scenario: string;
  readonly message: string;
}

/** A result with its medians; null means "there is none". */
export interface ReportedResult {
  readonly scenario: string;
  readonly launcher?: Launcher;
  readonly unit: Unit;
  readonly measured: number;
  readonly baseline: number | null;
  readonly ratio: number | null;
  readonly target: Target | null;
  readonly met: boolean | null;
  readonly roundValues: { readonly measured: readonly number[]; readonly baseline: readonly number[] };
}

/** Writes results/GROUP.json: the machine, the medians and the value of every round. Resolves to its path. */
export async function writeReport(
  group: string,
  settings: RunSettings,
  results: readonly ReportedResult[],
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
    results,
    failures,
  };
  await mkdir(RESULTS_DIRECTORY, { recursive: true });
  const path = pathOf(group);
  await writeFile(path, `${JSON.stringify(report, null, 2)}\n`);
  return path;
}

/** The results of the last full run of the group; rejects if there is none. */
export async function readReport(group: string): Promise<readonly ReportedResult[]> {
  const report = JSON.parse(await readFile(pathOf(group), 'utf8')) as { results: readonly ReportedResult[] };
  return report.results;
}

/** Reduces a result to what the report and the tables tell of it. */
export function reportResult(result: Result): ReportedResult {
  const { measured, baseline, ratio, isMet } = summarize(result);
  return {
    scenario: result.scenario,
    ...(result.launcher === undefined ? {} : { launcher: result.launcher }),
    unit: result.unit,
    measured,
    baseline,
    ratio,
    target: result.target ?? null,
    met: isMet,
    roundValues: { measured: result.measured, baseline: result.baseline ?? [] },
  };
}

function pathOf(group: string): string {
  return join(RESULTS_DIRECTORY, `${group}.json`);
}
