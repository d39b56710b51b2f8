import { openSync } from 'node:fs';
import { LineWriter } from '@pod-agent/daemon-kit/line-writer';
import { OptionError } from './config.ts';

/** Where log lines go; disposing it writes what still waits. */
export interface LogDestination extends Disposable {
  readonly writeLine: (line: string) => void;
  flush(): void;
}

/** stdout, or a file that lines are appended to. Throws an OptionError when the file cannot be opened. */
export function openLog(path: string): LogDestination {
  const writer = new LineWriter(path === '' ? process.stdout.fd : openLogFile(path));
  return {
    writeLine: writer.writeLine,
    flush: () => writer.flush(),
    [Symbol.dispose]: () => writer.flush(),
  };
}

function openLogFile(path: string): number {
  try {
    return openSync(path, 'a', 0o600);
  } catch (error) {
    throw new OptionError(`cannot open the log file ${path}: ${String(error)}`);
  }
}
