import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'vitest';
import type { TestContext } from 'vitest';

/** Where the build puts the native launcher. */
const BUILT_SHIM = join(import.meta.dirname, '..', '..', '..', 'shim', 'dist', 'shim');

/** The launcher that this run of the suite is for; undefined leaves the choice to execd. */
const launcherUnderTest = process.env['EXECD_TEST_LAUNCHER'];

/** Whether commands are started by the native launcher in this run, where a test names no other. */
export const onShim = launcherUnderTest !== 'child-process';

/** The flags with the launcher of this run in front, unless they name one themselves. */
export function withLauncher(flags: readonly string[]): readonly string[] {
  if (launcherUnderTest === undefined || flags.some((flag) => /^--?launcher(?:=|$)/.test(flag))) return flags;
  return ['--launcher', launcherUnderTest, ...flags];
}

/** A test of what only the native launcher can do. Other runs do not have it; it is skipped where there is no build. */
export function shimTest(name: string, run: (context: TestContext) => Promise<void>): void {
  if (!onShim) return;
  test(name, async (context) => {
    context.skip(!existsSync(BUILT_SHIM), 'the native launcher was not built: no C compiler');
    await run(context);
  });
}

/** A test of what execd does where the native launcher is not in force. Other runs do not have it. */
export function childProcessTest(name: string, run: (context: TestContext) => Promise<void>): void {
  if (!onShim) test(name, run);
}
