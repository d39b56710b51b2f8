import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A directory that dev-pod takes for the system's temporary one; removed at disposal. */
export interface TemporaryDirectory extends Disposable {
  readonly path: string;
  /** The test's environment with it as TMPDIR. */
  readonly environment: NodeJS.ProcessEnv;
}

/** Makes one. */
export function temporaryDirectory(): TemporaryDirectory {
  const path = mkdtempSync(join(tmpdir(), 'dev-pod-test.'));
  return {
    path,
    environment: { ...process.env, TMPDIR: path },
    [Symbol.dispose]: () => rmSync(path, { recursive: true }),
  };
}
