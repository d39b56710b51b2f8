import { z } from 'zod';

const flag = (standard: 'true' | 'false') => z.enum(['true', 'false']).default(standard);

const walkFields = {
  hidden: flag('true').describe('whether names with a dot in front, and what is below them, are looked at'),
  follow: flag('false').describe('whether symbolic links are followed; with a files root only inside of it'),
};

/** Query of GET /files/search (contract §7.5); what follows `pattern` is ours. */
export const searchQuery = z.object({
  path: z.string().optional().describe('where to look; a file or a link is itself what may be found'),
  pattern: z
    .string()
    .optional()
    .describe('a glob for base names or for paths relative to `path`; everything when missing'),
  ...walkFields,
  limit: z.coerce.number().int().min(1).optional().describe('how many files at the most'),
});

/** One value of a query key, or several. */
const repeated = z.union([z.string(), z.array(z.string())]);

/** Query of GET /files/grep, ours. */
export const grepQuery = z.object({
  path: z.string().optional().describe('a directory or a file'),
  pattern: z
    .string()
    .max(8192)
    .optional()
    .describe('JavaScript regular expression in unicode mode, held against each line'),
  fixed: flag('false').describe('the pattern is plain text'),
  ignore_case: flag('false'),
  glob: repeated
    .optional()
    .describe('only files whose base name or path relative to `path` matches; may be repeated'),
  exclude: repeated
    .default(['.git'])
    .describe(
      'files and directories that are left out; may be repeated; empty for none; `.git` when missing',
    ),
  ...walkFields,
  max: z.coerce.number().int().min(1).max(100_000).default(1_000).describe('matching lines at the most'),
  max_per_file: z.coerce.number().int().min(1).optional().describe('matching lines of one file at the most'),
});

const grepMatch = z
  .object({
    path: z.string(),
    line: z.int().describe('from 1'),
    column: z.int().describe('of the first match in the line, in characters from 1'),
    text: z.string().describe('the line without its end; of a line above 4,096 characters a part'),
    cut: z.literal(true).optional().describe('`text` is a part'),
    text_column: z
      .int()
      .optional()
      .describe('with `cut`, where in the line `text` begins, in characters from 1'),
  })
  .meta({ id: 'GrepMatch' });

const grepSummary = z
  .object({
    files: z.int().describe('searched'),
    matches: z.int().describe('lines that were handed out'),
    skipped: z.int().describe('files and directories that could not be read'),
    binary: z.int().describe('files with a NUL in their first 32 KiB, which are not searched'),
    long_lines: z.int().describe('lines above 1 MiB; only their first MiB was searched'),
    truncated: z.boolean().describe('there are more matches than `max`'),
  })
  .meta({ id: 'GrepSummary' });

/** The totals in the last line of GET /files/grep. */
export type GrepSummary = z.infer<typeof grepSummary>;

/** One line of the answer of GET /files/grep. The last one is no match. */
export const grepLine = z.union([
  grepMatch,
  z.object({ summary: grepSummary }),
  z.object({
    error: z
      .object({ code: z.enum(['PATTERN_TOO_SLOW', 'RUNTIME_ERROR']), message: z.string() })
      .describe('the search was given up'),
  }),
]);
