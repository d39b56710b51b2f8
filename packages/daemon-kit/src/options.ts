import { parseArgs } from 'node:util';
import type { ZodType } from 'zod';

/** One setting of a daemon: a flag, maybe an environment variable, its rule and its help line. */
export interface Option<T> {
  readonly flag: string;
  readonly env?: string;
  /** Checks the text and turns it into the value. */
  readonly schema: ZodType<T, string>;
  /** The text that stands when neither flag nor environment gives one. */
  readonly default: string;
  readonly help: string;
  /** A flag without a value; the schema sees `true` or `false`. */
  readonly boolean?: boolean;
}

/** Every option of a daemon by the name that its code uses. */
export type Options = Readonly<Record<string, Option<unknown>>>;

export type OptionValues<O extends Options> = {
  readonly [Name in keyof O]: O[Name] extends Option<infer T> ? T : never;
};

/** A bad flag or environment value, as one readable line. */
export class OptionError extends Error {
  override readonly name = 'OptionError';
}

/** The values after `--help` style questions were ruled out, and the arguments behind `--`. */
export interface ReadOptions<O extends Options> {
  readonly values: OptionValues<O>;
  readonly rest: readonly string[];
  /** The flags and environment variables that were given. */
  readonly given: ReadonlySet<string>;
}

/**
 * Reads options: a flag beats its environment variable, which beats the default. Flags may have one or two dashes and
 * take `-f value` or `-f=value`. Throws an OptionError for an unknown flag or a bad value.
 */
export function readOptions<O extends Options>(
  options: O,
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): ReadOptions<O> {
  const { flags, rest } = readFlags(options, argv);
  const given = new Set<string>();
  const values: Record<string, unknown> = {};
  for (const [name, option] of Object.entries(options)) {
    const source = findSource(option, flags, env);
    if (source.label !== 'default') given.add(source.label);
    const result = option.schema.safeParse(source.text);
    if (!result.success) {
      const reason = result.error.issues[0]?.message ?? 'invalid';
      throw new OptionError(`invalid value ${JSON.stringify(source.text)} for ${source.label}: ${reason}`);
    }
    values[name] = result.data;
  }
  return { values: values as OptionValues<O>, rest, given };
}

/** The text for `--help`. */
export function optionsHelp(intro: string, options: Options): string {
  const rows = Object.values(options).map((option) => {
    const name = `  --${option.flag}${option.boolean ? '' : ' <value>'}`;
    const env = option.env ? ` [${option.env}]` : '';
    const fallback = option.default === '' ? '' : ` (default ${option.default})`;
    return `${name.padEnd(42)}${option.help}${fallback}${env}`;
  });
  return [intro, '', 'Options [environment variable]:', ...rows, ''].join('\n');
}

function findSource(
  option: Option<unknown>,
  flags: ReadonlyMap<string, string>,
  env: Readonly<Record<string, string | undefined>>,
): { text: string; label: string } {
  const flag = flags.get(option.flag);
  if (flag !== undefined) return { text: flag, label: `--${option.flag}` };
  const variable = option.env === undefined ? undefined : env[option.env];
  if (option.env !== undefined && variable !== undefined && variable !== '') {
    return { text: variable, label: option.env };
  }
  return { text: option.default, label: 'default' };
}

function readFlags(
  options: Options,
  argv: readonly string[],
): { flags: Map<string, string>; rest: string[] } {
  const end = argv.indexOf('--');
  const own = end < 0 ? argv : argv.slice(0, end);
  const flags = new Map<string, string>();
  const known = Object.values(options).map((option) => [option.flag, { type: 'string' as const }] as const);
  try {
    const { values } = parseArgs({
      args: own.map((argument) => normaliseFlag(argument, options)),
      options: Object.fromEntries(known),
      strict: true,
    });
    for (const [flag, value] of Object.entries(values)) flags.set(flag, String(value));
  } catch (error) {
    throw new OptionError(error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error));
  }
  return { flags, rest: end < 0 ? [] : argv.slice(end + 1) };
}

/** `-flag` reads as `--flag`, and a boolean one without a value as `--flag=true`: parseArgs gives those no value. */
function normaliseFlag(argument: string, options: Options): string {
  if (!/^--?[a-z]/.test(argument)) return argument;
  const long = argument.startsWith('--') ? argument : `-${argument}`;
  const isBareBoolean = Object.values(options).some(({ flag, boolean }) => boolean && long === `--${flag}`);
  return isBareBoolean ? `${long}=true` : long;
}
