import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';

/** Where the shim may stand: beside the program as it is shipped, or where the workspace builds it. */
const CANDIDATES = ['shim', '../../shim/dist/shim', '../../../shim/dist/shim'];

/** The path of the shim; undefined when there is none that could be executed. */
export function findShim(): string | undefined {
  return CANDIDATES.map((candidate) => join(import.meta.dirname, candidate)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
