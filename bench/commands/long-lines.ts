/** The length of one line, newline included. */
export const LONG_LINE_BYTES = 200;

/** A shell command that prints lines of 200 bytes until `bytes` are printed. */
export function longLines(bytes: number): string {
  return `yes ${'a'.repeat(LONG_LINE_BYTES - 1)} | head -c ${bytes}`;
}
