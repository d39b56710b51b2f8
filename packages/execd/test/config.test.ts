import { expect, test } from 'vitest';
import { OptionError, configHelp, readConfig } from '../src/config.ts';
import type { Config } from '../src/config.ts';

const DEFAULTS: Config = {
  host: '',
  port: 44_772,
  accessToken: '',
  logLevel: 'info',
  logFile: '',
  logOutputs: ['stdout'],
  gracefulShutdownMs: 200,
  launcher: 'auto',
  shimProgram: '',
  spoolDirectory: '',
  outputRetentionMs: 24 * 3_600_000,
  outputRetentionBytes: 256 * 1024 ** 2,
  outputBacklogBytes: 4 * 1024 ** 3,
  retainedCommands: 10_000,
  filesRoot: '',
  watchedEntries: 20_000,
  watchedDirectories: 20_000,
  jupyterHost: '',
  jupyterToken: '',
  jupyterIdlePollMs: 100,
  isolationConfig: '',
  lifecycleStartupStatusFile: '',
  clone3Compat: false,
  init: false,
  runtimeInit: false,
};

test('contract §13.1: without flags and variables the defaults hold', () => {
  expect(readConfig([], {})).toEqual({ config: DEFAULTS, withoutEffect: [] });
});

test.each<{ argv: string[]; env?: Record<string, string>; config: Partial<Config> }>([
  { argv: ['--port', '8080'], config: { port: 8080 } },
  { argv: ['-port', '8080'], config: { port: 8080 } },
  { argv: ['--port=8080'], config: { port: 8080 } },
  { argv: ['-port=8080'], config: { port: 8080 } },
  { argv: ['--port', '1', '--port', '2'], config: { port: 2 } },
  { argv: ['--port=0'], config: { port: 0 } },
  { argv: ['--port=65535'], config: { port: 65_535 } },
  { argv: ['--access-token', ''], config: { accessToken: '' } },
  { argv: ['--access-token=a=b'], config: { accessToken: 'a=b' } },
  { argv: ['--access-token=-x'], config: { accessToken: '-x' } },
  { argv: [], env: { EXECD_ACCESS_TOKEN: 'env' }, config: { accessToken: 'env' } },
  { argv: ['--access-token', 'flag'], env: { EXECD_ACCESS_TOKEN: 'env' }, config: { accessToken: 'flag' } },
  { argv: ['--access-token='], env: { EXECD_ACCESS_TOKEN: 'env' }, config: { accessToken: '' } },
  { argv: [], env: { EXECD_ACCESS_TOKEN: '' }, config: { accessToken: '' } },
  { argv: [], env: { EXECD_OUTPUT_RETENTION: '' }, config: { outputRetentionMs: 24 * 3_600_000 } },
  {
    argv: [],
    env: { EXECD_HOST: '::1', EXECD_LOG_FILE: '/l', EXECD_SPOOL_DIR: '/s' },
    config: { host: '::1', logFile: '/l', spoolDirectory: '/s' },
  },
  { argv: [], env: { PORT: '1', EXECD_PORT: '1' }, config: {} },
  { argv: ['--log-level=0'], config: { logLevel: 'fatal' } },
  { argv: ['--log-level=2'], config: { logLevel: 'fatal' } },
  { argv: ['--log-level=3'], config: { logLevel: 'error' } },
  { argv: ['--log-level=4'], config: { logLevel: 'warn' } },
  { argv: ['--log-level=5'], config: { logLevel: 'info' } },
  { argv: ['--log-level=7'], config: { logLevel: 'debug' } },
  { argv: ['--log-level=100'], config: { logLevel: 'debug' } },
  { argv: ['--graceful-shutdown-timeout=3s'], config: { gracefulShutdownMs: 3_000 } },
  { argv: [], env: { EXECD_API_GRACE_SHUTDOWN: '50ms' }, config: { gracefulShutdownMs: 50 } },
  { argv: [], env: { EXECD_API_GRACE_SHUTDOWN: '0' }, config: { gracefulShutdownMs: 0 } },
  { argv: [], env: { EXECD_JUPYTER_IDLE_POLL_INTERVAL: '200ms' }, config: { jupyterIdlePollMs: 200 } },
  { argv: ['--output-retention=1h30m'], config: { outputRetentionMs: 5_400_000 } },
  { argv: ['--output-retention-bytes=1048576'], config: { outputRetentionBytes: 1_048_576 } },
  { argv: ['--output-retention-bytes=64Mi'], config: { outputRetentionBytes: 64 * 1024 ** 2 } },
  { argv: ['--output-retention-bytes=64MiB'], config: { outputRetentionBytes: 64 * 1024 ** 2 } },
  { argv: ['--output-backlog-bytes=1Gi'], config: { outputBacklogBytes: 1024 ** 3 } },
  { argv: ['--output-backlog-bytes=0'], config: { outputBacklogBytes: 0 } },
  { argv: [], env: { EXECD_RETAINED_COMMANDS: '1' }, config: { retainedCommands: 1 } },
  { argv: ['--port=1', '--', '--port=2', 'x'], config: { port: 1 } },
])('contract §13.1: $argv with $env gives $config', ({ argv, env = {}, config }) => {
  expect(readConfig(argv, env).config).toEqual({ ...DEFAULTS, ...config });
});

test.each([
  { argv: ['--runtime-init'], on: true },
  { argv: ['-runtime-init'], on: true },
  { argv: ['--runtime-init=true'], on: true },
  { argv: ['--runtime-init=1'], on: true },
  { argv: ['--runtime-init=T'], on: true },
  { argv: ['--runtime-init=false'], on: false },
  { argv: ['-runtime-init=0'], on: false },
  { argv: ['--runtime-init', '--runtime-init=f'], on: false },
])('contract A7.1: $argv turns the runtime init to $on, whatever the variable says', ({ argv, on }) => {
  expect(readConfig(argv, { EXECD_RUNTIME_INIT: String(!on) }).config.runtimeInit).toBe(on);
});

test.each([
  ['1', true],
  ['t', true],
  ['TRUE', true],
  ['0', false],
  ['F', false],
  ['False', false],
])('contract A7.1: EXECD_RUNTIME_INIT=%s is %o', (value, on) => {
  expect(readConfig([], { EXECD_RUNTIME_INIT: value }).config.runtimeInit).toBe(on);
});

test('settings of features that are not there are accepted and named', () => {
  const { config, withoutEffect } = readConfig(['--jupyter-host=http://127.0.0.1:8888', '--port=1'], {
    EXECD_ISOLATION_CONFIG: '/etc/x',
    EXECD_LOG_FILE: '/l',
  });
  expect(config).toMatchObject({ jupyterHost: 'http://127.0.0.1:8888', isolationConfig: '/etc/x' });
  expect(withoutEffect).toEqual(['--jupyter-host', 'EXECD_ISOLATION_CONFIG']);
});

test.each<{ argv: string[]; env?: Record<string, string>; name: string }>([
  { argv: ['--port=65536'], name: '--port' },
  { argv: ['--port=-1'], name: '--port' },
  { argv: ['--port=x'], name: '--port' },
  { argv: ['--port='], name: '--port' },
  { argv: ['--port=1e3'], name: '--port' },
  { argv: ['--port'], name: '--port' },
  { argv: ['--port', '--host', 'x'], name: '--port' },
  { argv: ['--log-level=high'], name: '--log-level' },
  { argv: ['--graceful-shutdown-timeout=5'], name: '--graceful-shutdown-timeout' },
  { argv: ['--graceful-shutdown-timeout=-1s'], name: '--graceful-shutdown-timeout' },
  { argv: [], env: { EXECD_API_GRACE_SHUTDOWN: 'soon' }, name: 'EXECD_API_GRACE_SHUTDOWN' },
  { argv: [], env: { EXECD_OUTPUT_RETENTION: '1d' }, name: 'EXECD_OUTPUT_RETENTION' },
  { argv: [], env: { EXECD_OUTPUT_RETENTION_BYTES: '1.5Gi' }, name: 'EXECD_OUTPUT_RETENTION_BYTES' },
  { argv: ['--output-backlog-bytes=-1'], name: '--output-backlog-bytes' },
  { argv: ['--output-backlog-bytes=1G'], name: '--output-backlog-bytes' },
  { argv: ['--retained-commands=0'], name: '--retained-commands' },
  { argv: [], env: { JUPYTER_HOST: 'localhost:8888' }, name: 'JUPYTER_HOST' },
  { argv: [], env: { EXECD_RUNTIME_INIT: 'yes' }, name: 'EXECD_RUNTIME_INIT' },
  { argv: ['--runtime-init=maybe'], name: '--runtime-init' },
  { argv: ['--bogus'], name: '--bogus' },
  { argv: ['-bogus=1'], name: '--bogus' },
  { argv: ['-x'], name: '-x' },
  { argv: ['stray'], name: 'stray' },
])(
  'contract §13.1: $argv with $env is refused with one line that names $name',
  ({ argv, env = {}, name }) => {
    expect(() => readConfig(argv, env)).toThrow(OptionError);
    expect(() => readConfig(argv, env)).toThrow(new RegExp(`^[^\n]*${name}[^\n]*$`));
  },
);

test('the help has a line for every flag with its variable and default', () => {
  const help = configHelp();
  expect(help).toMatch(/^ {2}--port <value> .*\(default 44772\)$/m);
  expect(help).toMatch(/^ {2}--access-token <value> .*\[EXECD_ACCESS_TOKEN\]$/m);
  expect(help).toMatch(/^ {2}--runtime-init {2}.*\(default false\) \[EXECD_RUNTIME_INIT\]$/m);
});
