import { defineConfig } from 'rolldown';
import type { RolldownOptions } from 'rolldown';

/** One ES module per daemon; native addons stay outside. */
function daemon(name: string): RolldownOptions {
  return {
    input: `packages/${name}/src/main.ts`,
    platform: 'node',
    external: ['node-pty', 'bufferutil', 'utf-8-validate'],
    // Not `import` here: it would also pick the ES module behind a `require`, which Express does not survive.
    resolve: { conditionNames: ['source', 'node'] },
    output: { file: `packages/${name}/dist/main.js`, format: 'esm', sourcemap: false, minify: false },
  };
}

export default defineConfig([daemon('execd'), daemon('dev-pod')]);
