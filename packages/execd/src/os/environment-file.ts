/** A line of the file that could not be used. */
interface SkippedLine {
  readonly line: number;
  readonly reason: string;
}

export interface ParsedEnvironmentFile {
  readonly values: Readonly<Record<string, string>>;
  readonly skipped: readonly SkippedLine[];
}

interface ParsedValue {
  readonly value?: string;
  readonly reason?: string;
  /** Index of the first line that is not part of this entry. */
  readonly nextLine: number;
}

/**
 * Parses the EXECD_ENVS file (addendum A7.4): `KEY=value` lines, `#` comments, values bare, `"…"` with escapes or
 * `'…'` literal, quoted ones over several lines. Bare and double-quoted values have `$X` and `${X}` expanded from
 * `environment`, undefined ones to nothing.
 */
export function parseEnvironmentFile(
  text: string,
  environment: Readonly<Record<string, string | undefined>>,
): ParsedEnvironmentFile {
  const lines = text.split('\n');
  const values: Record<string, string> = {};
  const skipped: SkippedLine[] = [];
  for (let index = 0; index < lines.length;) {
    const line = (lines[index] ?? '').trim();
    const separator = line.indexOf('=');
    const key = line.slice(0, Math.max(0, separator)).trim();
    if (line === '' || line.startsWith('#')) {
      index += 1;
    } else if (key === '') {
      skipped.push({ line: index + 1, reason: separator < 0 ? 'no =' : 'empty key' });
      index += 1;
    } else {
      const parsed = parseValue(lines, index, environment);
      if (parsed.value === undefined) skipped.push({ line: index + 1, reason: parsed.reason ?? '' });
      else values[key] = parsed.value;
      index = parsed.nextLine;
    }
  }
  return { values, skipped };
}

function parseValue(
  lines: readonly string[],
  index: number,
  environment: Readonly<Record<string, string | undefined>>,
): ParsedValue {
  const line = lines[index] ?? '';
  const raw = line.slice(line.indexOf('=') + 1).trimStart();
  const quote = raw[0];
  if (quote !== '"' && quote !== "'")
    return { value: expand(raw.trimEnd(), environment), nextLine: index + 1 };
  const following = [raw.slice(1), ...lines.slice(index + 1)].join('\n');
  const end = closingQuote(following, quote);
  if (end < 0) return { reason: 'unterminated quote', nextLine: index + 1 };
  const content = following.slice(0, end);
  const tail = following.slice(end + 1).split('\n', 1)[0] ?? '';
  if (tail.trim() !== '') return { reason: 'text after the closing quote', nextLine: index + 1 };
  const value = quote === '"' ? expand(content, environment, true) : content;
  return { value, nextLine: index + content.split('\n').length };
}

function closingQuote(text: string, quote: string): number {
  for (let index = 0; index < text.length; index += 1) {
    if (text[index] === '\\' && quote === '"') index += 1;
    else if (text[index] === quote) return index;
  }
  return -1;
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', '\\': '\\', '"': '"' };

/** One pass, so that neither an escape nor a value brings in a `$` that is expanded again. */
function expand(
  text: string,
  environment: Readonly<Record<string, string | undefined>>,
  escapes = false,
): string {
  const pattern = /\\([nrt\\"])|\$(?:\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))/g;
  return text.replace(pattern, (match, escaped?: string, braced?: string, plain?: string) => {
    if (escaped !== undefined) return escapes ? (ESCAPES[escaped] ?? match) : match;
    const name = braced ?? plain ?? '';
    return Object.hasOwn(environment, name) ? (environment[name] ?? '') : '';
  });
}
