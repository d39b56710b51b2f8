import { LineWriter } from '@pod-agent/daemon-kit/line-writer';
import { OptionError } from '@pod-agent/daemon-kit/options';
import { RotatingFile } from '@pod-agent/daemon-kit/rotating-file';

/** What the original keeps of a log file (contract §13.2). */
const ROTATION = { maxBytes: 100_000_000, maxFiles: 10, maxAgeMs: 30 * 24 * 3_600_000 };

/** Where log lines go. Disposing it writes what still waits. */
export interface LogDestination extends Disposable {
  readonly writeLine: (line: string) => void;
  flush(): void;
}

/** Writes to each of the outputs: `stdout`, `stderr` or a file. Throws an OptionError when a file cannot be opened. */
export function openLog(outputs: readonly string[]): LogDestination {
  using opened = new DisposableStack();
  const writers = outputs.map((output) => new LineWriter(openOutput(output, opened)));
  const files = opened.move();
  const flush = () => {
    for (const writer of writers) writer.flush();
  };
  return {
    writeLine: (line) => {
      for (const writer of writers) writer.writeLine(line);
    },
    flush,
    [Symbol.dispose]: () => {
      flush();
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
