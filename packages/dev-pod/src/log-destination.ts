import { openSync } from 'node:fs';
import { join } from 'node:path';
import { LineWriter } from '@pod-agent/daemon-kit/line-writer';

/** Where all log lines go. Disposing it writes what still waits. */
export interface LogDestination extends AsyncDisposable {
  /** Takes a line without its line feed, from `dev-pod`, `execd` or the id of a sandbox. */
  readonly writeLine: (source: string, line: string) => void;
}

/** stderr when `verbose`, else `dev-pod.log` in the directory; each line has its source in front. */
export function openLog(directory: string, verbose: boolean): LogDestination {
  const fd = verbose ? process.stderr.fd : openSync(join(directory, 'dev-pod.log'), 'a', 0o600);
  const writer = new LineWriter(() => fd);
  return {
    writeLine: (source, line) => writer.writeLine(`${source} ${line}\n`),
    [Symbol.asyncDispose]: () => writer.flushed(),
  };
}
