import { createLogger } from '@pod-agent/daemon-kit/log';
import { maskedSecret } from '@pod-agent/daemon-kit/mask-secrets';
import { hardDeadline, shutdownRequested } from '@pod-agent/daemon-kit/shutdown';
import { FILE_WORKER_ARGUMENT } from './as-user/worker-command.ts';
import { OptionError, configHelp, readConfig } from './config.ts';
import type { Config } from './config.ts';
import { openLog } from './log-destination.ts';
import type { LogDestination } from './log-destination.ts';
import { VERSION } from './version.ts';

/** An app that does not end by itself after this is cut off, ms. */
const SHUTDOWN_DEADLINE_MS = 5_000;

// No top-level await: the bundle is a CommonJS file, which starts with a third less memory than an ES module.
void main(process.argv.slice(2));

async function main(argv: readonly string[]): Promise<void> {
  if (argv[0] === FILE_WORKER_ARGUMENT) {
    const { runFileWorker } = await import('./file-worker.ts');
    await runFileWorker(argv.slice(1));
    return;
  }
  if (argv.some((argument) => ['--help', '-help', '-h'].includes(argument))) {
    process.stdout.write(configHelp());
    return;
  }
  if (argv.includes('--version')) {
    process.stdout.write(`execd ${VERSION}\n`);
    return;
  }
  try {
    const { config, withoutEffect } = readConfig(argv, process.env);
    await serve(config, withoutEffect);
  } catch (error) {
    if (!(error instanceof OptionError)) throw error;
    process.stderr.write(`execd: ${error.message}\n`);
    process.exitCode = 2;
  }
}

/** Serves until a signal asks to stop; then ends what runs and exits 0. */
async function serve(config: Config, withoutEffect: readonly string[]): Promise<void> {
  const stop = shutdownRequested();
  await using destination = openLog(config.logFile === '' ? config.logOutputs : [config.logFile]);
  const log = createLogger(destination.writeLine, config.logLevel);
  log.info('execd starting', {
    version: VERSION,
    node: process.version,
    platform: `${process.platform}/${process.arch}`,
    access_token: maskedSecret(config.accessToken),
  });
  for (const setting of withoutEffect)
    log.warn('setting accepted but without effect in this version', { setting });
  process.on('uncaughtException', (error) => {
    log.error('uncaught exception', { error });
    void endWithFailure(destination);
  });
  try {
    // Not above: a file worker does without.
    const { startApp } = await import('./app.ts');
    await using app = await startApp(config, process.env, log);
    log.info('execd listening', { host: config.host || 'all interfaces', port: app.port });
    const signal = await stop;
    log.info('execd stopping', { signal });
    using _deadline = hardDeadline(SHUTDOWN_DEADLINE_MS, 0);
    await app[Symbol.asyncDispose]();
  } catch (error) {
    log.error('failed to listen', { host: config.host, port: config.port, error });
    process.exitCode = 1;
  }
}

/** The state is not to be trusted any more. */
async function endWithFailure(destination: LogDestination): Promise<void> {
  await destination[Symbol.asyncDispose]();
  process.exit(1);
}
