import { OptionError, optionsHelp, readOptions } from '@pod-agent/daemon-kit/options';
import type { Option, OptionValues, Options } from '@pod-agent/daemon-kit/options';
import { parseDuration } from '@pod-agent/daemon-kit/duration';
import type { LogLevel } from '@pod-agent/daemon-kit/log';
import { z } from 'zod';

export { OptionError };

const text = z.string();

const duration = z.string().transform((value, context) => {
  const ms = parseDuration(value);
  if (ms === undefined || ms < 0) {
    context.addIssue({ code: 'custom', message: 'a duration such as 500ms, 3s or 1m30s is needed' });
    return z.NEVER;
  }
  return ms;
});

const SIZE_UNITS: Readonly<Record<string, number>> = { '': 1, Ki: 1024, Mi: 1024 ** 2, Gi: 1024 ** 3 };

const size = z.string().transform((value, context) => {
  const match = /^(\d+)(Ki|Mi|Gi)?B?$/.exec(value);
  if (!match) {
    context.addIssue({ code: 'custom', message: 'a size such as 1048576, 64Mi or 1Gi is needed' });
    return z.NEVER;
  }
  return Number(match[1]) * (SIZE_UNITS[match[2] ?? ''] ?? 1);
});

/** A whole number between two bounds, both allowed. */
function wholeNumber(least: number, most: number) {
  return z.string().transform((value, context) => {
    const number = Number(value);
    if (!/^\d+$/.test(value) || number < least || number > most) {
      context.addIssue({ code: 'custom', message: `a whole number from ${least} to ${most} is needed` });
      return z.NEVER;
    }
    return number;
  });
}

/** 0 to 2 fatal, 3 error, 4 warn, 5 and 6 info, from 7 debug (contract §13.1). */
const logLevel = wholeNumber(0, 100).transform((level): LogLevel => {
  if (level <= 2) return 'fatal';
  if (level === 3) return 'error';
  if (level === 4) return 'warn';
  return level <= 6 ? 'info' : 'debug';
});

const goBoolean = z.string().transform((value, context) => {
  if (['1', 't', 'T', 'true', 'TRUE', 'True'].includes(value)) return true;
  if (['0', 'f', 'F', 'false', 'FALSE', 'False'].includes(value)) return false;
  context.addIssue({ code: 'custom', message: 'true or false is needed' });
  return z.NEVER;
});

const webAddress = z.string().refine((value) => value === '' || /^https?:\/\/./.test(value), {
  message: 'an address that starts with http:// or https:// is needed',
});

const outputList = text.transform((value) =>
  value
    .split(',')
    .map((output) => output.trim())
    .filter((output) => output !== ''),
);

/** `reexec` is the original's second way of installing the filter. */
const clone3Compat = z.string().transform((value, context) => {
  const setting = value.toLowerCase();
  if (['', '0', 'false', 'off', 'no'].includes(setting)) return false;
  if (['1', 'true', 'yes', 'on', 'reexec'].includes(setting)) return true;
  context.addIssue({
    code: 'custom',
    message: 'one of 1, true, yes, on, reexec, 0, false, off, no is needed',
  });
  return z.NEVER;
});

function option<T>(definition: Option<T>): Option<T> {
  return definition;
}

const OPTIONS = {
  host: option({
    flag: 'host',
    env: 'EXECD_HOST',
    schema: text,
    default: '',
    help: 'address to listen on; empty for every IPv4 and IPv6 interface',
  }),
  port: option({
    flag: 'port',
    schema: wholeNumber(0, 65535),
    default: '44772',
    help: 'port to listen on, 0 for any',
  }),
  accessToken: option({
    flag: 'access-token',
    env: 'EXECD_ACCESS_TOKEN',
    schema: text,
    default: '',
    help: 'token that requests must carry in X-EXECD-ACCESS-TOKEN',
  }),
  logLevel: option({
    flag: 'log-level',
    schema: logLevel,
    default: '6',
    help: '0-2 fatal, 3 error, 4 warn, 5-6 info, 7 debug',
  }),
  logFile: option({
    flag: 'log-file',
    env: 'EXECD_LOG_FILE',
    schema: text,
    default: '',
    help: 'file for the log instead of stdout',
  }),
  logOutputs: option({
    flag: 'log-output',
    env: 'OPENSANDBOX_LOG_OUTPUT',
    schema: outputList,
    default: 'stdout',
    help: 'stdout, stderr or files, with commas between, where no log file is set',
  }),
  gracefulShutdownMs: option({
    flag: 'graceful-shutdown-timeout',
    env: 'EXECD_API_GRACE_SHUTDOWN',
    schema: duration,
    default: '200ms',
    help: 'accepted for compatibility; streams end without a tail',
  }),
  launcher: option({
    flag: 'launcher',
    env: 'EXECD_LAUNCHER',
    schema: z.enum(['auto', 'shim', 'child-process']),
    default: 'auto',
    help: 'how processes are started: shim, child-process, or auto for the shim where it works',
  }),
  shimProgram: option({
    flag: 'shim',
    env: 'EXECD_SHIM',
    schema: text,
    default: '',
    help: 'the native launcher; empty for the one that comes with execd',
  }),
  spoolDirectory: option({
    flag: 'spool-dir',
    env: 'EXECD_SPOOL_DIR',
    schema: text,
    default: '',
    help: 'where large command output is kept; empty for TMPDIR, /tmp, /var/tmp, /dev/shm, whichever works',
  }),
  outputRetentionMs: option({
    flag: 'output-retention',
    env: 'EXECD_OUTPUT_RETENTION',
    schema: duration,
    default: '24h',
    help: 'how long finished commands and their output are kept',
  }),
  outputRetentionBytes: option({
    flag: 'output-retention-bytes',
    env: 'EXECD_OUTPUT_RETENTION_BYTES',
    schema: size,
    default: '256Mi',
    help: 'how much output of all commands is kept, least recent dropped first',
  }),
  outputBacklogBytes: option({
    flag: 'output-backlog-bytes',
    env: 'EXECD_OUTPUT_BACKLOG_BYTES',
    schema: size,
    default: '4Gi',
    help: 'how much unread output of one command a stalled client may hold on disk',
  }),
  retainedCommands: option({
    flag: 'retained-commands',
    env: 'EXECD_RETAINED_COMMANDS',
    schema: wholeNumber(1, 1_000_000),
    default: '10000',
    help: 'how many finished commands are remembered',
  }),
  filesRoot: option({
    flag: 'files-root',
    env: 'EXECD_FILES_ROOT',
    schema: text,
    default: '',
    help: 'directory that file calls cannot leave; empty for none',
  }),
  watchedEntries: option({
    flag: 'watch-entries',
    env: 'EXECD_WATCH_ENTRIES',
    schema: wholeNumber(0, 10_000_000),
    default: '20000',
    help: 'files and directories that watched trees remember; beyond it renames are told as delete and create',
  }),
  watchedDirectories: option({
    flag: 'watch-directories',
    env: 'EXECD_WATCH_DIRECTORIES',
    schema: wholeNumber(1, 10_000_000),
    default: '20000',
    help: 'directories that may be watched, all watches together',
  }),
  jupyterHost: option({
    flag: 'jupyter-host',
    env: 'JUPYTER_HOST',
    schema: webAddress,
    default: '',
    help: 'Jupyter server of the code interpreter',
  }),
  jupyterToken: option({
    flag: 'jupyter-token',
    env: 'JUPYTER_TOKEN',
    schema: text,
    default: '',
    help: 'token of the Jupyter server',
  }),
  jupyterIdlePollMs: option({
    flag: 'jupyter-idle-poll-interval',
    env: 'EXECD_JUPYTER_IDLE_POLL_INTERVAL',
    schema: duration,
    default: '100ms',
    help: 'accepted for compatibility',
  }),
  isolationConfig: option({
    flag: 'isolation-config',
    env: 'EXECD_ISOLATION_CONFIG',
    schema: text,
    default: '',
    help: 'file with the settings of isolated sessions',
  }),
  lifecycleStartupStatusFile: option({
    flag: 'lifecycle-startup-status-file',
    schema: text,
    default: '',
    help: 'file that bootstrap.sh follows while lifecycle hooks run',
  }),
  clone3Compat: option({
    flag: 'clone3-compat',
    env: 'EXECD_CLONE3_COMPAT',
    schema: clone3Compat,
    default: '',
    help: 'answer ENOSYS to clone3',
  }),
  init: option({
    flag: 'init',
    schema: goBoolean.refine((value) => !value, { message: 'this version cannot run as the init process' }),
    default: 'false',
    boolean: true,
    help: 'run as PID 1 with the command behind --; refused by this version',
  }),
  runtimeInit: option({
    flag: 'runtime-init',
    env: 'EXECD_RUNTIME_INIT',
    schema: goBoolean,
    default: 'false',
    boolean: true,
    help: 'serve nothing before POST /internal/init',
  }),
} satisfies Options;

/** Everything that can be set, checked and with units in the names. */
export type Config = OptionValues<typeof OPTIONS>;

/** Flags and variables of features that this build does not have: accepted, so that a caller's start line works. */
const WITHOUT_EFFECT = [
  '--jupyter-host',
  'JUPYTER_HOST',
  '--isolation-config',
  'EXECD_ISOLATION_CONFIG',
  '--lifecycle-startup-status-file',
  '--clone3-compat',
  'EXECD_CLONE3_COMPAT',
  '--runtime-init',
  'EXECD_RUNTIME_INIT',
] as const;

/** The configuration, and the given settings that change nothing. Throws an OptionError with one readable line. */
export function readConfig(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): { config: Config; withoutEffect: string[] } {
  const { values, given } = readOptions(OPTIONS, argv, env);
  return { config: values, withoutEffect: WITHOUT_EFFECT.filter((name) => given.has(name)) };
}

/** The text for `--help`. */
export function configHelp(): string {
  return optionsHelp(
    'execd: runs commands and serves files inside a sandbox, over HTTP.\n\nUsage: execd [options]\n\n  --help, --version',
    OPTIONS,
  );
}
