import { join } from 'node:path';

const PRELOAD = join(import.meta.dirname, 'ballast.cjs');

/** The variables with which a Node program holds that many MiB of touched memory from its start; none for 0. */
export function ballastVariables(ballastMb: number): NodeJS.ProcessEnv {
  if (ballastMb === 0) return {};
  return {
    NODE_OPTIONS: `--require ${JSON.stringify(PRELOAD)}`,
    EXECD_BENCH_BALLAST_MB: String(ballastMb),
  };
}

/** A process that starts others: what its scenario is called, and the MiB that make it as large as that. */
export interface DaemonSize {
  readonly label: string;
  readonly ballastMb: number;
}

/** A daemon as it is, which is about 60 MB, and one of about 300 MB: what a fork costs grows with its parent. */
export const DAEMON_SIZES = {
  small: { label: '', ballastMb: 0 },
  large: { label: ', 300 MB', ballastMb: 220 },
} as const satisfies Record<string, DaemonSize>;
