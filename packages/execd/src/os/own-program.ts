import { isSea } from 'node:sea';

/** The command line that starts this program once more, without its arguments. A single executable is its own script. */
export function ownProgram(): string[] {
  if (isSea()) return [process.execPath];
  return [process.execPath, ...process.execArgv, process.argv[1] ?? ''];
}
