import { defineConfig } from 'vitest/config';

/** Tests that start commands, which must do the same with and without the native launcher. */
const WITH_COMMANDS = [
  'packages/execd/test/api/{bad-input,capabilities,command-*,retention,slow-client}.test.ts',
  'packages/execd/test/main.test.ts',
  'packages/dev-pod/test/end.test.ts',
  'test/sdk/{command-*,lifecycle}.test.ts',
];

export default defineConfig({
  // The packages of the workspace are tested from their sources.
  ssr: { resolve: { conditions: ['source', 'node'] } },
  test: {
    setupFiles: ['test/support/leak-guard.ts'],
    pool: 'forks',
    reporters: ['default', './test/support/closing-line.ts'],
    testTimeout: 20_000,
    hookTimeout: 20_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'shim',
          include: ['packages/*/test/**/*.test.ts', 'test/**/*.test.ts'],
          env: { EXECD_TEST_LAUNCHER: 'shim' },
        },
      },
      {
        extends: true,
        test: {
          name: 'child-process',
          include: WITH_COMMANDS,
          // The second one is for execds that dev-pod starts.
          env: { EXECD_TEST_LAUNCHER: 'child-process', EXECD_LAUNCHER: 'child-process' },
        },
      },
    ],
  },
});
