import { maskSecrets } from './mask-secrets.ts';

/** Levels in rising order of weight. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'fatal';

/** Structured log: one JSON object a line. `error` fields are printed with their stack. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** Whether lines of this level are written; for those that are work to put together. */
  isOn(level: LogLevel): boolean;
  /** The same log with these fields on every line. */
  child(fields: LogFields): Logger;
}

export type LogFields = Readonly<Record<string, unknown>>;

/** Where finished lines go; must not block and must not throw. */
export type LogSink = (line: string) => void;

const WEIGHT: Record<LogLevel, number> = { debug: 0, info: 1, warn: 2, error: 3, fatal: 4 };

/** A logger that writes lines of at least `level` to the sink. Every string value has its secrets masked. */
export function createLogger(sink: LogSink, level: LogLevel, fields: LogFields = {}): Logger {
  const write = (lineLevel: LogLevel) =>
    WEIGHT[lineLevel] < WEIGHT[level]
      ? () => undefined
      : (message: string, more?: LogFields) => sink(formatLine(lineLevel, message, { ...fields, ...more }));
  return {
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    isOn: (lineLevel) => WEIGHT[lineLevel] >= WEIGHT[level],
    child: (more) => createLogger(sink, level, { ...fields, ...more }),
  };
}

/** A logger that drops everything. */
export const silentLogger: Logger = createLogger(() => undefined, 'fatal');

function formatLine(level: LogLevel, message: string, fields: LogFields): string {
  const line = { level, ts: new Date().toISOString(), msg: message, ...fields };
  return `${JSON.stringify(line, (_key, value: unknown) => printable(value))}\n`;
}

function printable(value: unknown): unknown {
  if (value instanceof Error) return maskSecrets(value.stack ?? value.message);
  if (typeof value === 'string') return maskSecrets(value);
  return value;
}
