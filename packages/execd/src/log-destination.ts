import { setTimeout as delay } from 'node:timers/promises';
import { LineWriter } from '@pod-agent/daemon-kit/line-writer';
import { OptionError } from '@pod-agent/daemon-kit/options';
import { RotatingFile } from '@pod-agent/daemon-kit/rotating-file';

/** What the original keeps of a log file (contract §13.2). */
const ROTATION = { maxBytes: 100_000_000, maxFiles: 10, maxAgeMs: 30 * 24 * 3_600_000 };

/** Where log lines go. Disposing it waits for what is still to be written, but not for a reader that has stalled. */
export interface LogDestination extends AsyncDisposable {
  readonly writeLine: (line: string) => void;
}

/** How long a log reader may take to take the last lines. */
const FLUSH_LIMIT_MS = 500;

/** Writes to each of the outputs: `stdout`, `stderr` or a file. Throws an OptionError when a file cannot be opened. */
export function openLog(outputs: readonly string[]): LogDestination {
  using opened = new DisposableStack();
  const writers = outputs.map((output) => new LineWriter(openOutput(output, opened)));
  const files = opened.move();
  return {
    writeLine: (line) => {
      for (const writer of writers) writer.writeLine(line);
    },
    async [Symbol.asyncDispose]() {
      const flushed = Promise.all(writers.map((writer) => writer.flushed()));
      await Promise.race([flushed, delay(FLUSH_LIMIT_MS, undefined, { ref: false })]);
      files.dispose();
    },
  };
}

function openOutput(output: string, opened: DisposableStack): (byteCount: number) => number {
  if (output === 'stdout') return () => process.stdout.fd;
  if (output === 'stderr') return () => process.stderr.fd;
  try {
    const file = opened.use(new RotatingFile(output, ROTATION));
    return (byteCount) => file.descriptorFor(byteCount);
  } catch (error) {
    throw new OptionError(`cannot write the log to ${output}: ${String(error)}`);
  }
}
