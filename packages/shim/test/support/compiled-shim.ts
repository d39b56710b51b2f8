import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

const BUILD = join(import.meta.dirname, '..', '..', 'build.mjs');

/**
 * The path of the shim, compiled if it is not yet: the one that is shipped, one with a sanitizer, or the fuzzer of its
 * decoder.
 */
export function compiledShim(variant: 'release' | 'address' | 'undefined' | 'fuzz'): string {
  const args = {
    release: [],
    address: ['--sanitizer', 'address'],
    undefined: ['--sanitizer', 'undefined'],
    fuzz: ['--fuzz'],
  }[variant];
  return execFileSync(process.execPath, [BUILD, ...args], { encoding: 'utf8' }).trim();
}
