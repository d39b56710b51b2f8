import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { SHIM_ENVIRONMENT, shimProgram } from '../support/shim-program.ts';

const WRONG = 2;

describe('The command line', () => {
  test.each([
    { args: [] },
    { args: ['nonsense'] },
    { args: ['--nonsense'] },
    { args: [''] },
    { args: ['serve'] },
    { args: ['serve', '--fd'] },
    { args: ['serve', '--fd', ''] },
    { args: ['serve', '--fd', 'three'] },
    { args: ['serve', '--fd', '3x'] },
    { args: ['serve', '--fd', '-1'] },
    { args: ['serve', '--fd', '99999999999999999999'] },
    { args: ['serve', '--nonsense'] },
    { args: ['serve', '--fd', '3', 'more'] },
    { args: ['serve', '--listen', '@x'] },
    { args: ['serve', '--token-fd', '3'] },
    { args: ['serve', '--fd', '3', '--idle-seconds'] },
    { args: ['serve', '--fd', '3', '--idle-seconds', '-1'] },
    { args: ['serve', '--fd', '3', '--idle-seconds', 'soon'] },
  ])('$args makes no sense: 2, and how it is used', ({ args }) => {
    const { status, stdout, stderr } = run(args);
    expect({ status, stdout }).toEqual({ status: WRONG, stdout: '' });
    expect(stderr).toContain('usage: shim');
  });

  test('--help and --version', () => {
    expect(run(['--help'])).toMatchObject({ status: 0, stderr: '' });
    expect(run(['--help']).stdout).toContain('usage: shim');
    expect(run(['--version']).stdout).toMatch(/^shim \d+\.\d+\.\d+\n$/);
  });

  test('a descriptor that is not open is an error, not a shim without a daemon', () => {
    const { status, stderr } = run(['serve', '--fd', '77']);
    expect(status).not.toBe(0);
    expect(stderr).not.toBe('');
  });

  test.each([{ path: '/nowhere/at/all' }, { path: `/tmp/${'x'.repeat(120)}` }, { path: '' }])(
    'nothing can listen at "$path": an error',
    ({ path }) => {
      const { status, stderr } = run(['serve', '--fd', '3', '--listen', path]);
      expect(status).not.toBe(0);
      expect(stderr).toContain(path);
      expect(stderr).not.toBe('');
    },
  );
});

function run(args: string[]) {
  const { status, stdout, stderr } = spawnSync(shimProgram(), args, {
    encoding: 'utf8',
    env: SHIM_ENVIRONMENT,
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    timeout: 10_000,
  });
  expect(stderr).not.toMatch(/Sanitizer|runtime error/);
  return { status, stdout, stderr };
}
