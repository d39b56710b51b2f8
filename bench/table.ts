import type { ReportedResult } from './report.ts';
import type { Target, Unit } from './scenario.ts';

/** The results as an aligned text table, one line for each scenario. */
export function formatTextTable(results: readonly ReportedResult[]): string {
  const { columns, rows } = tabulate(results);
  const lines = [columns.map((column) => column.heading), ...rows].map((cells) =>
    padCells(cells, columns).join(' | ').trimEnd(),
  );
  const rule = columns.map((column) => '-'.repeat(column.width)).join('-|-');
  return lines.toSpliced(1, 0, rule).join('\n');
}

/** The same as a Markdown table, aligned as the formatter wants it. */
export function formatMarkdownTable(results: readonly ReportedResult[]): string {
  const { columns, rows } = tabulate(results);
  const rule = columns.map(({ side, width }) =>
    side === 'right' ? `${'-'.repeat(width - 1)}:` : '-'.repeat(width),
  );
  const lines = [columns.map((column) => column.heading), ...rows].map((cells) => padCells(cells, columns));
  return lines
    .toSpliced(1, 0, rule)
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n');
}

interface Column {
  readonly heading: string;
  /** Names to the left, figures to the right. */
  readonly side: 'left' | 'right';
  readonly width: number;
}

interface Table {
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly string[])[];
}

/** The results that share a line: of one scenario, with one baseline, each of another way of starting processes. */
type Line = readonly ReportedResult[];

const SHORTEST_RULE = 3;

function tabulate(results: readonly ReportedResult[]): Table {
  const subjects = [...new Set(results.map(subjectOf))];
  const ratioHeadings =
    subjects.length === 1 ? ['ratio'] : subjects.map((subject) => `${subject} / baseline`);
  const headings = ['scenario', ...subjects, 'baseline', ...ratioHeadings, 'target', 'met?'];
  const rows = shareLines(results).map((line) => formatLine(line, subjects));
  const columns = headings.map((heading, index): Column => {
    const cells = [heading, ...rows.map((row) => row[index] ?? '')];
    return {
      heading,
      side: index === 0 || index === headings.length - 1 ? 'left' : 'right',
      width: Math.max(SHORTEST_RULE, ...cells.map((cell) => cell.length)),
    };
  });
  return { columns, rows };
}

/** What the figure is of, and the heading of its column. */
function subjectOf(result: ReportedResult): string {
  return result.launcher?.replace('-', '_') ?? 'measured';
}

function shareLines(results: readonly ReportedResult[]): Line[] {
  const lines = Map.groupBy(results, ({ scenario, roundValues }) =>
    JSON.stringify([scenario, roundValues.baseline]),
  );
  const byScenario = Map.groupBy(lines.values(), ([first]) => first?.scenario);
  return [...byScenario.values()].flat();
}

function formatLine(line: Line, subjects: readonly string[]): string[] {
  const resultOf = (subject: string) => line.find((result) => subjectOf(result) === subject);
  const [first] = line;
  const aimed = line.find((result) => result.target !== null);
  return [
    first?.scenario ?? '',
    ...subjects.map((subject) => quantityCell(resultOf(subject), (result) => result.measured)),
    quantityCell(first, (result) => result.baseline),
    ...subjects.map((subject) => ratioCell(resultOf(subject)?.ratio)),
    aimed?.target ? formatTarget(aimed.target, aimed.unit) : '',
    aimed === undefined || aimed.met === null ? '' : aimed.met ? 'yes' : 'no',
  ];
}

function quantityCell(
  result: ReportedResult | undefined,
  valueOf: (result: ReportedResult) => number | null,
): string {
  if (result === undefined) return '';
  const value = valueOf(result);
  return value === null ? '' : formatQuantity(value, result.unit);
}

function ratioCell(ratio: number | null | undefined): string {
  return ratio == null ? '' : `${ratio.toFixed(2)}x`;
}

function padCells(cells: readonly string[], columns: readonly Column[]): string[] {
  return columns.map(({ side, width }, index) => {
    const cell = cells[index] ?? '';
    return side === 'left' ? cell.padEnd(width) : cell.padStart(width);
  });
}

function formatTarget(target: Target, unit: Unit): string {
  const sign = target.bound === 'at most' ? '<=' : '>=';
  const limit =
    target.of === 'ratio' ? `${target.limit}x` : `${target.limit.toLocaleString('en-US')} ${unit}`;
  return `${sign} ${limit}`;
}

function formatQuantity(value: number, unit: Unit): string {
  const fractionDigits = fractionDigitsOf(value);
  const figure = value.toLocaleString('en-US', {
    minimumFractionDigits: fractionDigits,
    maximumFractionDigits: fractionDigits,
  });
  return `${figure} ${unit}`;
}

/** About three significant ones. */
function fractionDigitsOf(value: number): number {
  if (Number.isInteger(value) || Math.abs(value) >= 100) return 0;
  return Math.abs(value) < 1 ? 3 : 2;
}
