import { relative } from 'node:path';
import { parseArgs } from 'node:util';
import { COMMAND_SCENARIOS } from './commands.ts';
import { FILE_SCENARIOS } from './files.ts';
import { buildNativePrograms } from './native/build.ts';
import { writeReport } from './report.ts';
import type { Failure } from './report.ts';
import type { Result, RunSettings, Scenario } from './scenario.ts';
import { formatTable } from './table.ts';

const GROUPS: ReadonlyMap<string, readonly Scenario[]> = new Map([
  ['commands', COMMAND_SCENARIOS],
  ['files', FILE_SCENARIOS],
]);
const GROUP_NAMES = [...GROUPS.keys()].join(', ');

const USAGE = `usage: node bench/main.ts GROUP [--rounds N] [--quick]

Measures a server against baselines taken in the same run, prints a table and
writes bench/results/GROUP.json. Targets are printed, not enforced.

  GROUP        one of: ${GROUP_NAMES}
  --rounds N   repetitions of each measurement, default 5 (2 with --quick)
  --quick      fewer and smaller requests: a check that everything runs
`;

const EXIT_FAILURE = 1;
const EXIT_USAGE = 2;

interface Invocation {
  readonly group: string;
  readonly scenarios: readonly Scenario[];
  readonly rounds: number;
  readonly isQuick: boolean;
}

async function main(): Promise<void> {
  const invocation = readCommandLine();
  if (invocation === undefined) return;
  const interruption = new AbortController();
  process.once('SIGINT', () => interruption.abort()).once('SIGTERM', () => interruption.abort());
  const settings: RunSettings = { ...invocation, signal: interruption.signal };

  await buildNativePrograms();
  const results: Result[] = [];
  const failures: Failure[] = [];
  for (const scenario of invocation.scenarios) {
    if (settings.signal.aborted) break;
    await runScenario(scenario, settings, results, failures);
  }
  if (settings.signal.aborted) throw new Error('interrupted');

  if (failures.length > 0) process.exitCode = EXIT_FAILURE;
  if (results.length === 0) return;
  console.log(formatTable(results));
  const path = await writeReport(invocation.group, settings, results, failures);
  console.log(`\nwritten to ${relative(process.cwd(), path)}`);
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
    const failure = { scenario: scenario.name, message: messageOf(error) };
    failures.push(failure);
    console.error(`bench: ${failure.scenario}: ${failure.message}`);
  }
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
  const [group, ...extra] = positionals;
  if (group === undefined || extra.length > 0) throw new Error(`expected one group, one of: ${GROUP_NAMES}`);
  const scenarios = GROUPS.get(group);
  if (scenarios === undefined) throw new Error(`unknown group "${group}", expected one of: ${GROUP_NAMES}`);
  const rounds = parseRounds(values.rounds ?? (values.quick ? '2' : '5'));
  return { group, scenarios, rounds, isQuick: values.quick };
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
