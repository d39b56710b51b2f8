import { configDefaults, defineConfig } from 'vitest/config';

/** The tests of the native shim, which run once for each of its builds: two of them check themselves. */
const NATIVE_TESTS = 'packages/shim/test/serve/**/*.test.ts';
const NATIVE_VARIANTS = ['release', 'address', 'undefined'];

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
          exclude: [...configDefaults.exclude, NATIVE_TESTS],
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
      ...NATIVE_VARIANTS.map((variant) => ({
        extends: true as const,
        test: {
          name: `shim-${variant}`,
          include: [NATIVE_TESTS],
          globalSetup: ['packages/shim/test/support/build-shim.ts'],
          env: { SHIM_VARIANT: variant },
        },
      })),
    ],
  },
});
