import { createLogger } from '@pod-agent/daemon-kit/log';
import { hardDeadline, shutdownRequested } from '@pod-agent/daemon-kit/shutdown';
import { StartError, startApp } from './app.ts';
import { OptionError, configHelp, readConfig } from './config.ts';
import type { Config } from './config.ts';
import { openLog } from './log-destination.ts';
import { ExecdLauncher } from './os/execd-process.ts';
import { makeScratchDirectory } from './os/scratch-directory.ts';
import { welcome } from './welcome.ts';

/** Longer than an execd may take from SIGTERM to its end, ms. */
const SHUTDOWN_DEADLINE_MS = 10_000;

void main(process.argv.slice(2));

async function main(argv: readonly string[]): Promise<void> {
  if (argv.some((argument) => ['--help', '-help', '-h'].includes(argument))) {
    process.stdout.write(configHelp());
    return;
  }
  try {
    process.exitCode = await serve(readConfig(argv, process.env));
  } catch (error) {
    if (!(error instanceof OptionError) && !(error instanceof StartError)) throw error;
    process.stderr.write(`dev-pod: ${error.message}\n`);
    process.exitCode = error instanceof OptionError ? 2 : 1;
  }
}

/** Serves until a signal asks to stop or the first execd dies; then ends what runs. Returns the exit code. */
async function serve(config: Config): Promise<number> {
  const stop = shutdownRequested();
  await using scratch = await makeScratchDirectory();
  const launcher = new ExecdLauncher(config.execd);
  // Whatever ends this process, a second signal for instance: nothing may stay behind.
  process.on('exit', () => {
    launcher.killAll();
    scratch.removeNow();
  });
  await using destination = openLog(scratch.path, config.verbose);
  const log = createLogger((line) => destination.writeLine('dev-pod', line.trimEnd()), 'info');
  await using app = await startApp(config, {
    launcher,
    directory: scratch.path,
    environment: process.env,
    onExecdLogLine: destination.writeLine,
    log,
  });
  process.stdout.write(welcome({ execd: app.execdPort, lifecycle: app.port }));
  const ended = await Promise.race([stop.then(() => undefined), app.execdEnded]);
  if (ended !== undefined) process.stderr.write(`dev-pod: execd ended by itself: ${ended}\n`);
  log.info('dev-pod stopping');
  using _deadline = hardDeadline(SHUTDOWN_DEADLINE_MS, ended === undefined ? 0 : 1);
  await app[Symbol.asyncDispose]();
  return ended === undefined ? 0 : 1;
}
