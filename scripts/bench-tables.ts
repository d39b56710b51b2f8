// Writes the tables of README.md from bench/results/GROUP.json, each between its markers. Run by `npm run bench:tables`
// after a full benchmark; the same results always make the same tables.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readReport } from '../bench/report.ts';
import { formatMarkdownTable } from '../bench/table.ts';

const README = join(import.meta.dirname, '..', 'README.md');
const GROUPS = ['commands', 'files'];

let text = await readFile(README, 'utf8');
for (const group of GROUPS) text = withTable(text, group, formatMarkdownTable(await readReport(group)));
await writeFile(README, text);

/** Throws unless each marker of the group is there once, the opening one first. */
function withTable(document: string, group: string, table: string): string {
  const [before, rest, ...more] = document.split(`<!-- bench:${group} -->\n`);
  const [, after, ...others] = rest?.split(`<!-- /bench:${group} -->\n`) ?? [];
  if (before === undefined || after === undefined || more.length + others.length > 0)
    throw new Error(
      `README.md: expected <!-- bench:${group} --> and <!-- /bench:${group} --> on lines of their own`,
    );
  return `${before}<!-- bench:${group} -->\n\n${table}\n\n<!-- /bench:${group} -->\n${after}`;
}
