import { relative } from 'node:path';
import { parseArgs } from 'node:util';
import { COMMAND_SCENARIOS } from './commands.ts';
import { FILE_SCENARIOS } from './files.ts';
import { findLaunchers } from './launcher-servers.ts';
import type { Launcher } from './launcher.ts';
import { buildNativePrograms } from './native/build.ts';
import { reportResult, writeReport } from './report.ts';
import type { Failure } from './report.ts';
import type { Result, RunSettings, Scenario } from './scenario.ts';
import { formatTextTable } from './table.ts';

interface Group {
  readonly scenarios: readonly Scenario[];
  /** Whether its scenarios start processes, and are run with each launcher. */
  readonly startsProcesses: boolean;
}

const GROUPS: ReadonlyMap<string, Group> = new Map([
  ['commands', { scenarios: COMMAND_SCENARIOS, startsProcesses: true }],
  ['files', { scenarios: FILE_SCENARIOS, startsProcesses: false }],
]);
const GROUP_NAMES = [...GROUPS.keys()].join(', ');

const USAGE = `usage: node bench/main.ts GROUP [--rounds N] [--quick]

Measures a server against baselines taken in the same run, prints a table and
writes bench/results/GROUP.json. Targets are printed, not enforced.

  GROUP        one of: ${GROUP_NAMES}
  --rounds N   repetitions of each measurement, default 5 (2 with --quick)
  --quick      fewer and smaller requests, nothing is written: a check that
               everything runs
`;

const EXIT_FAILURE = 1;
const EXIT_USAGE = 2;

interface Invocation {
  readonly name: string;
  readonly group: Group;
  readonly rounds: number;
  readonly isQuick: boolean;
}

async function main(): Promise<void> {
  const invocation = readCommandLine();
  if (invocation === undefined) return;
  const interruption = new AbortController();
  process.once('SIGINT', () => interruption.abort()).once('SIGTERM', () => interruption.abort());
  const { signal } = interruption;

  await buildNativePrograms();
  const failures: Failure[] = [];
  const launchers = invocation.group.startsProcesses ? await availableLaunchers(signal, failures) : [];
  const settings: RunSettings = { rounds: invocation.rounds, isQuick: invocation.isQuick, launchers, signal };
  const results: Result[] = [];
  for (const scenario of invocation.group.scenarios) {
    if (signal.aborted) break;
    await runScenario(scenario, settings, results, failures);
  }
  if (signal.aborted) throw new Error('interrupted');

  if (failures.length > 0) process.exitCode = EXIT_FAILURE;
  if (results.length === 0) return;
  const reported = results.map(reportResult);
  console.log(formatTextTable(reported));
  if (invocation.isQuick) return;
  const path = await writeReport(invocation.name, settings, reported, failures);
  console.log(`\nwritten to ${relative(process.cwd(), path)}`);
}

/** A launcher that the server has not is a failure, and the others are measured. */
async function availableLaunchers(signal: AbortSignal, failures: Failure[]): Promise<readonly Launcher[]> {
  const { launchers, missing } = await findLaunchers(signal);
  for (const { launcher, reason } of missing) noteFailure(failures, `--launcher ${launcher}`, reason);
  if (launchers.length === 0) throw new Error('the server starts with no launcher');
  return launchers;
}

async function runScenario(
  scenario: Scenario,
  settings: RunSettings,
  results: Result[],
  failures: Failure[],
): Promise<void> {
  console.error(`running ${scenario.name}`);
  try {
    results.push(...(await scenario.run(settings)));
  } catch (error) {
    noteFailure(failures, scenario.name, messageOf(error));
  }
}

function noteFailure(failures: Failure[], scenario: string, message: string): void {
  failures.push({ scenario, message });
  console.error(`bench: ${scenario}: ${message}`);
}

/** Undefined when there is nothing to run: help was asked for, or the complaint is printed already. */
function readCommandLine(): Invocation | undefined {
  try {
    return parseCommandLine(process.argv.slice(2));
  } catch (error) {
    console.error(`bench: ${messageOf(error)}`);
    process.exitCode = EXIT_USAGE;
    return undefined;
  }
}

function parseCommandLine(args: readonly string[]): Invocation | undefined {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      rounds: { type: 'string' },
      quick: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    return undefined;
  }
  const [name, ...extra] = positionals;
  if (name === undefined || extra.length > 0) throw new Error(`expected one group, one of: ${GROUP_NAMES}`);
  const group = GROUPS.get(name);
  if (group === undefined) throw new Error(`unknown group "${name}", expected one of: ${GROUP_NAMES}`);
  const rounds = parseRounds(values.rounds ?? (values.quick ? '2' : '5'));
  return { name, group, rounds, isQuick: values.quick };
}

function parseRounds(text: string): number {
  const rounds = Number(text);
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error(`--rounds: expected 1 or more, got "${text}"`);
  return rounds;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message.trim() : String(error);
}

try {
  await main();
} catch (error) {
  console.error(`bench: ${messageOf(error)}`);
  process.exitCode = EXIT_FAILURE;
}
