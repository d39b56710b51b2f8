import { defineConfig } from 'rolldown';
import type { RolldownOptions } from 'rolldown';

/**
 * One CommonJS program per daemon: it starts with a third less memory than an ES module, and every MB makes each fork
 * slower. Express stays in a chunk of its own, which is read when it is first needed.
 */
function daemon(name: string): RolldownOptions {
  return {
    input: { main: `packages/${name}/src/main.ts` },
    platform: 'node',
    external: ['node-pty', 'bufferutil', 'utf-8-validate'],
    // Not `import`: it would also pick the ES module behind a `require`, which Express does not survive.
    resolve: { conditionNames: ['source', 'node'] },
    output: {
      dir: `packages/${name}/dist`,
      cleanDir: true,
      format: 'cjs',
      entryFileNames: '[name].cjs',
      chunkFileNames: '[name].cjs',
      codeSplitting: { groups: [{ name: 'express', test: /node_modules[\\/](?!zod)/ }] },
    },
  };
}

export default defineConfig([daemon('execd'), daemon('dev-pod')]);
