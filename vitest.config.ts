import { defineConfig } from 'vitest/config';

export default defineConfig({
  // The packages of the workspace are tested from their sources.
  ssr: { resolve: { conditions: ['source', 'node'] } },
  test: {
    include: ['packages/*/test/**/*.test.ts', 'test/**/*.test.ts'],
    setupFiles: ['test/support/leak-guard.ts'],
    pool: 'forks',
    reporters: ['default', './test/support/closing-line.ts'],
    testTimeout: 20_000,
    hookTimeout: 20_000,
  },
});
