import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Goes down as it makes them, since the path of the deepest one is longer than the system takes. */
const MAKE = `
  const fs = require('node:fs');
  process.chdir(process.argv[1]);
  for (let level = 0; level < Number(process.argv[2]); level += 1) { fs.mkdirSync('d'); process.chdir('d'); }
  fs.writeFileSync('bottom', '');
`;

/** Goes down as far as it can and removes them on its way back. `rm` takes seconds for that. */
const REMOVE = `
  const fs = require('node:fs');
  process.chdir(process.argv[1]);
  let level = 0;
  for (; fs.existsSync('d'); level += 1) process.chdir('d');
  fs.rmSync('bottom', { force: true });
  for (; level > 0; level -= 1) { process.chdir('..'); fs.rmdirSync('d'); }
`;

/**
 * `levels` directories named `d` within each other below `path`, a file `bottom` in the last one. Disposing removes
 * what is left of them.
 */
export async function deepTree(path: string, levels: number): Promise<AsyncDisposable> {
  await run(process.execPath, ['-e', MAKE, path, String(levels)]);
  return { [Symbol.asyncDispose]: async () => void (await run(process.execPath, ['-e', REMOVE, path])) };
}
