import type { Reporter, TestCase, TestModule } from 'vitest/node';

/** Ends the output with `Tests: N passed, N failed, N skipped`, and says of each skipped test why. In CI a skip fails. */
export default class ClosingLine implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const skipped = tests.filter((test) => test.result().state === 'skipped');
    for (const test of skipped) process.stdout.write(`skipped: ${test.fullName}: ${reasonOf(test)}\n`);
    if (skipped.length > 0 && process.env['CI'] === 'true') process.exitCode = 1;
    const passed = tests.filter((test) => test.result().state === 'passed').length;
    // A module that did not load and an error outside of any test count as failures too.
    const broken = modules.filter((module) => module.errors().length > 0).length + errors.length;
    const failed = tests.length - passed - skipped.length + broken;
    process.stdout.write(`Tests: ${passed} passed, ${failed} failed, ${skipped.length} skipped\n`);
  }
}

function reasonOf(test: TestCase): string {
  const result = test.result();
  return 'note' in result && result.note ? result.note : 'no reason given';
}
