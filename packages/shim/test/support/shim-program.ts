import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

const BUILD_SCRIPT = join(import.meta.dirname, '..', '..', 'build.mjs');

/**
 * The path of the shim, compiled if it is not yet: the one that is shipped, or with SHIM_VARIANT=address|undefined the
 * one with that sanitizer.
 */
export function shimProgram(variant = process.env['SHIM_VARIANT']): string {
  const args = variant ? ['--sanitizer', variant] : [];
  return execFileSync(process.execPath, [BUILD_SCRIPT, ...args], { encoding: 'utf8' }).trim();
}
