/** How a server starts processes; the value of execd's `--launcher`. */
export type Launcher = 'shim' | 'child-process';

/** In the order in which they are measured and printed. */
export const LAUNCHERS: readonly Launcher[] = ['shim', 'child-process'];
