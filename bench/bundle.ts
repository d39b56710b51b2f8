import { join } from 'node:path';
import { build } from 'rolldown';

/**
 * Bundles a measuring program that is written in TypeScript, and resolves to the path of one CommonJS file. Like the
 * daemons, and for the same reason: run from its sources, a program takes 50 MB more, which each fork of it would show.
 */
export async function bundleProgram(source: string, name: string): Promise<string> {
  const path = join(import.meta.dirname, 'native', 'build', `${name}.cjs`);
  await build({
    input: source,
    platform: 'node',
    resolve: { conditionNames: ['source', 'node'] },
    logLevel: 'warn',
    output: { file: path, format: 'cjs' },
  });
  return path;
}
