import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';

const BUILD = join(import.meta.dirname, '..', '..', 'build.mjs');

declare module 'vitest' {
  interface ProvidedContext {
    /** The binary to test; empty when the machine has no compiler for it. */
    readonly shimProgram: string;
  }
}

/** Builds the variant that the project's SHIM_VARIANT names (`release`, `address` or `undefined`), for all its tests. */
export function setup(project: TestProject): void {
  const variant = project.config.env['SHIM_VARIANT'] ?? 'release';
  const args = variant === 'release' ? [] : ['--sanitizer', variant];
  const { status, stdout, stderr } = spawnSync(process.execPath, [BUILD, '--optional', ...args], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`the shim does not build as ${variant}: ${stderr}`);
  project.provide('shimProgram', stdout.trim());
}
