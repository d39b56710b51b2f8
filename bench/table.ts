import { summarize } from './scenario.ts';
import type { Result, Target, Unit } from './scenario.ts';

const HEADINGS = ['scenario', 'measured', 'baseline', 'ratio', 'target', 'met?'];

/** The results as an aligned text table with one line per result. */
export function formatTable(results: readonly Result[]): string {
  const rows = [HEADINGS, ...results.map(formatCells)];
  const widths = HEADINGS.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const lines = rows.map((row) => formatLine(row, widths));
  const rule = widths.map((width) => '-'.repeat(width)).join('-|-');
  return lines.toSpliced(1, 0, rule).join('\n');
}

function formatCells(result: Result): string[] {
  const { measured, baseline, ratio, isMet } = summarize(result);
  return [
    result.scenario,
    formatQuantity(measured, result.unit),
    baseline === null ? '' : formatQuantity(baseline, result.unit),
    ratio === null ? '' : formatRatio(ratio),
    result.target === undefined ? '' : formatTarget(result.target, result.unit),
    isMet === null ? '' : isMet ? 'yes' : 'no',
  ];
}

/** Names to the left, figures to the right. */
function formatLine(cells: readonly string[], widths: readonly number[]): string {
  const padded = cells.map((cell, column) => {
    const width = widths[column] ?? 0;
    return column === 0 ? cell.padEnd(width) : cell.padStart(width);
  });
  return padded.join(' | ').trimEnd();
}

function formatTarget(target: Target, unit: Unit): string {
  const sign = target.bound === 'at most' ? '<=' : '>=';
  const limit = target.of === 'ratio' ? `${target.limit}x` : `${target.limit} ${unit}`;
  return `${sign} ${limit}`;
}

function formatRatio(ratio: number): string {
  return `${ratio.toFixed(2)}x`;
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
